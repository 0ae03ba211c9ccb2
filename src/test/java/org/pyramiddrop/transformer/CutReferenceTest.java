package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.pyramiddrop.transformer.Fixture.assertClose;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.transformer.engine.ImageCuts;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Sampler;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.JsonNode;

/**
 * Cuts before the decoder, alone and followed by its own, against PyTorch in float64: what stays,
 * what is merged into what, features, logits and tokens.
 */
final class CutReferenceTest {
  private static final double TOLERANCE = 1e-4;

  static Stream<Arguments> cases() {
    return cases(Fixture.names());
  }

  static Stream<Arguments> originalCases() {
    return cases(List.of("original-pad", "original-square", "original-anyres"));
  }

  private static Stream<Arguments> cases(List<String> checkpoints) {
    List<Arguments> all = new ArrayList<>();
    for (String name : checkpoints) {
      try (Fixture fixture = new Fixture(name);
          CutFixture cuts = fixture.cuts()) {
        cuts.names().forEach(each -> all.add(Arguments.of(name, each)));
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void choicesMergesLogitsAndTokensAreTheReferences(String name, String cut) {
    try (FixtureParts parts = new FixtureParts(name, false);
        CutFixture cuts = parts.fixture.cuts()) {
      JsonNode expected = cuts.of(cut);
      PruningPlan plan = cuts.plan(cut);
      String promptName = expected.get("prompt").asString();
      List<Integer> tokens = parts.fixture.tokens(expected);
      Prompt prompt = parts.prompt(promptName, plan);
      try (SequenceRunner runner = parts.runner(promptName, plan, tokens.size() - 1)) {
        for (int i = 0; cuts.has(cut + ".features." + i); i++) {
          assertClose(
              "embeddings of picture " + i,
              parts.kernels.download(runner.imageEmbeddings().get(i)),
              parts.projected(cuts.floats(cut + ".features." + i)),
              TOLERANCE);
        }
        Sampler sampler = new Sampler(Sampling.greedy());
        List<Integer> generated = new ArrayList<>(List.of(runner.prefill(prompt, sampler)));
        float[] reference = cuts.floats(cut + ".logits");
        double tolerance = Math.min(TOLERANCE, 1e-3 * Fixture.deviation(reference));
        assertClose("logits", runner.logits(), reference, tolerance);
        for (int i = 0; i + 1 < tokens.size(); i++) {
          generated.add(runner.decodeStep(i, sampler));
        }
        assertThat(generated).isEqualTo(tokens);
        float[] last = cuts.floats(cut + ".finalLogits");
        assertClose("last logits", runner.logits(), last, tolerance);
        List<List<ImageCuts.Made>> made = runner.imageCuts().stream().map(ImageCuts::made).toList();
        checkCuts(CutTokens.of(plan, made), expected);
        checkStages(
            Stage.of(
                plan.schedule(parts.decoder.layers()),
                ImageCuts.original(made, runner.imageTokens())),
            expected);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("originalCases")
  void theOriginalLayoutsChoicesLogitsAndTokensAreTheReferences(String name, String cut) {
    try (Fixture fixture = new Fixture(name);
        CutFixture cuts = fixture.cuts();
        Llava model =
            Llava.load(
                fixture.folder(),
                TestDevice.options()
                    .withVisionTower(fixture.folder().resolveSibling("original-clip")))) {
      JsonNode expected = cuts.of(cut);
      PruningPlan plan = cuts.plan(cut);
      Question question = fixture.question(expected.get("prompt").asString());
      float[] reference = cuts.floats(cut + ".logits");
      Answer answer =
          model.ask(
              question,
              Options.defaults()
                  .withPruning(plan)
                  .withMaxTokens(fixture.tokens(expected).size())
                  .withTopLogits(reference.length));
      float[] logits = new float[reference.length];
      answer.logits().forEach(logit -> logits[logit.id()] = logit.value());
      double tolerance = Math.min(TOLERANCE, 1e-3 * Fixture.deviation(reference));
      assertClose("logits", logits, reference, tolerance);
      List<Integer> said = fixture.tokens(expected);
      // A stop token ends an answer, which the reference goes on behind.
      assertThat(answer.tokenIds()).isEqualTo(said.subList(0, answer.tokenIds().size()));
      checkCuts(answer.cuts(), expected);
      checkStages(answer.stages(), expected);
      checkCounts(model, question, plan, answer);
    }
  }

  /** Tokens count before any cut, and the cost is that of what is left. */
  private static void checkCounts(Llava model, Question question, PruningPlan plan, Answer answer) {
    Answer uncut =
        model.ask(question, Options.defaults().withPruning(PruningPlan.none()).withMaxTokens(1));
    assertThat(answer.promptTokens()).isEqualTo(uncut.promptTokens());
    assertThat(answer.imageTokens()).isEqualTo(uncut.imageTokens());
    int layers = model.config().text().layers();
    FlopCounter counter = new FlopCounter(ModelShape.of(model.config()), plan.schedule(layers));
    List<Integer> entering = answer.stages().getFirst().kept().stream().map(List::size).toList();
    assertThat(answer.flops().paper()).isEqualTo(counter.paper(entering));
  }

  private static void checkCuts(List<CutTokens> cuts, JsonNode expected) {
    assertThat(cuts).hasSize(expected.get("cuts").size());
    for (int i = 0; i < cuts.size(); i++) {
      JsonNode reference = expected.get("cuts").get(i);
      String place = cuts.get(i).place().getClass().getSimpleName();
      assertThat(place).isEqualToIgnoringCase(reference.get("place").asString());
      assertThat(cuts.get(i).kept()).isEqualTo(CutFixture.rows(reference.get("kept")));
      assertThat(cuts.get(i).merged())
          .isEqualTo(reference.get("merged").valueStream().map(CutFixture::rows).toList());
    }
  }

  private static void checkStages(List<Stage> stages, JsonNode expected) {
    JsonNode cuts = expected.get("cuts");
    if (!cuts.isEmpty()) {
      List<List<Integer>> entered = CutFixture.rows(cuts.get(cuts.size() - 1).get("kept"));
      assertThat(stages.getFirst().kept()).isEqualTo(entered);
    }
    JsonNode drops = expected.get("drops");
    assertThat(stages).hasSize(drops.size() + 1);
    IntStream.range(0, drops.size())
        .forEach(drop -> {
          Stage stage = stages.get(drop + 1);
          assertThat(stage.kept()).isEqualTo(CutFixture.rows(drops.get(drop).get("kept")));
          assertThat(stage.firstLayer()).isEqualTo(drops.get(drop).get("afterLayer").asInt());
        });
  }
}
