package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.pyramiddrop.transformer.Fixture.assertClose;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.loader.Tokenizer;
import org.pyramiddrop.transformer.engine.AttentionProbe;
import org.pyramiddrop.transformer.engine.Progress;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Ranking;
import tools.jackson.databind.JsonNode;

/** Every stage of the model, and every way of pruning it, against PyTorch in float32. */
final class ReferenceTest {
  private static final double TOLERANCE = 1e-4;

  static List<String> checkpoints() {
    return Fixture.names();
  }

  static Stream<Arguments> cases() {
    return Fixture.names().stream()
        .flatMap(name -> {
          try (Fixture fixture = new Fixture(name)) {
            return fixture.cases().stream().map(c -> Arguments.of(name, c)).toList().stream();
          }
        });
  }

  static Stream<Arguments> prompts() {
    return Fixture.names().stream()
        .flatMap(
            name -> Stream.of("oneImage", "textOnly", "twoImages").map(p -> Arguments.of(name, p)));
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void processesImagesAsTheReferenceDoes(String name) {
    try (FixtureParts parts = new FixtureParts(name, false)) {
      float[] scale = {0.26862954f, 0.26130258f, 0.27577711f};
      for (String image : parts.fixture.images()) {
        List<Pixels> actual = parts.processor.process(Image.read(parts.fixture.image(image)));
        List<Pixels> expected = parts.pixels(image);
        assertThat(actual).hasSameSizeAs(expected).hasSize(parts.layout(image).crops());
        for (int crop = 0; crop < expected.size(); crop++) {
          float[] values = expected.get(crop).values();
          assertThat(actual.get(crop).values()).hasSameSizeAs(values);
          for (int i = 0; i < values.length; i++) {
            float error = Math.abs(actual.get(crop).values()[i] - values[i]);
            assertThat(error * scale[i / (values.length / 3)] * 255)
                .as("%s, crop %d, value %d", image, crop, i)
                .isLessThanOrEqualTo(2.001f);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void encodesImagesAsTheReferenceDoes(String name) {
    try (FixtureParts parts = new FixtureParts(name, false)) {
      for (String image : parts.fixture.images()) {
        assertClose(
            "vision features of " + image,
            parts.features(image),
            parts.fixture.floats("visionFeatures", image),
            TOLERANCE);
        try (Tensor embeddings = parts.embeddings(image)) {
          assertClose(
              "image features of " + image,
              parts.kernels.download(embeddings),
              parts.fixture.floats("imageFeatures", image),
              TOLERANCE);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void encodingCanBeGivenUpBehindTheLastLayer(String name) {
    try (FixtureParts parts = new FixtureParts(name, false)) {
      String image = parts.fixture.images().getFirst();
      float[] expected = parts.fixture.floats("imageFeatures", image);
      try (Tensor out =
          parts.kernels.allocate(parts.layout(image).tokens(), parts.decoder.hiddenSize())) {
        Heard heard = new Heard((phase, done, total) -> done < total);
        Progress giveUpBehindTheLast =
            Progress.ofVision(
                (done, total) -> heard.onProgress(TokenListener.Phase.VISION, done, total),
                parts.visionLayers(image));
        assertThatExceptionOfType(CancellationException.class)
            .isThrownBy(() -> parts.encode(image, giveUpBehindTheLast, out));
        assertThat(heard.last(TokenListener.Phase.VISION)).isEqualTo(parts.visionLayers(image));
        parts.encode(image, Progress.ofVision(Progress.SILENT, Integer.MAX_VALUE), out);
        assertClose("encoded again", parts.kernels.download(out), expected, TOLERANCE);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void tokenizesAndExpandsPromptsAsTheReferenceDoes(String name) {
    try (FixtureParts parts = new FixtureParts(name, false);
        Tokenizer tokenizer = Tokenizer.open(parts.fixture.folder())) {
      for (String prompt : List.of("oneImage", "textOnly", "twoImages")) {
        Question question = parts.fixture.question(prompt);
        Prompt actual =
            Prompt.of(
                tokenizer.encode(question.prompt(), true),
                parts.config.imageTokenId(),
                question.images().stream().map(parts.processor::layout).toList());
        assertThat(actual.ids()).isEqualTo(parts.ints(prompt + ".inputIds"));
        assertThat(actual.images()).isEqualTo(parts.prompt(prompt).images());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("prompts")
  void rendersTheChatTemplateAsJinjaDoes(String name, String prompt) {
    try (Fixture fixture = new Fixture(name)) {
      JsonNode expected = fixture.json().get("prompts").get(prompt);
      ChatTurn turn =
          new ChatTurn(
              Role.USER, expected.get("pictures").size(), expected.get("words").asString());
      assertThat(ChatTemplate.read(fixture.folder()).render(List.of(turn), true))
          .isEqualTo(expected.get("rendered").asString());
    }
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void everyLayersOutputIsTheReferences(String name) {
    try (FixtureParts parts = new FixtureParts(name, true);
        FixtureParts.Run run = parts.run("oneImage", PruningPlan.none(), 0)) {
      assertClose(
          "merged", run.hidden(), parts.fixture.floats("oneImage.mergedEmbeddings"), TOLERANCE);
      run.prefill(done ->
          assertClose(
              "layer " + (done - 1),
              run.hidden(),
              parts.fixture.floats("oneImage.layer." + (done - 1)),
              TOLERANCE));
    }
  }

  @ParameterizedTest
  @MethodSource("prompts")
  void unprunedLogitsAndTokensAreTheReferences(String name, String prompt) {
    try (FixtureParts parts = new FixtureParts(name, false)) {
      check(
          parts,
          prompt,
          prompt,
          PruningPlan.none(),
          parts.fixture.json().get("prompts").get(prompt));
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void prunedChoicesLogitsAndTokensAreTheReferences(String name, String pruned) {
    try (FixtureParts parts = new FixtureParts(name, false)) {
      JsonNode expected = parts.fixture.pruned(pruned);
      String prompt = expected.get("prompt").asString();
      List<Stage> stages = check(parts, pruned, prompt, parts.fixture.plan(pruned), expected);
      int drop = 0;
      for (JsonNode d : expected.get("drops")) {
        List<List<Integer>> kept =
            d.get("kept")
                .valueStream()
                .map(image -> image.valueStream().map(JsonNode::asInt).toList())
                .toList();
        assertThat(stages.get(drop + 1).kept()).as("kept at drop %d", drop).isEqualTo(kept);
        assertThat(stages.get(drop + 1).firstLayer()).isEqualTo(d.get("afterLayer").asInt());
        drop++;
      }
      assertThat(stages).hasSize(drop + 1);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void attentionMapsAreWhatTheReferenceRanksBy(String name, String pruned) {
    try (FixtureParts parts = new FixtureParts(name, false)) {
      JsonNode expected = parts.fixture.pruned(pruned);
      if (parts.fixture.plan(pruned).ranking() != Ranking.STAGE_END) {
        return; // The next stage's own scores, which no layer's attention has.
      }
      int layer = expected.get("drops").get(0).get("afterLayer").asInt() - 1;
      String promptName = expected.get("prompt").asString();
      List<Tensor> images = parts.images(promptName);
      try {
        AttentionProbe probe =
            new AttentionProbe(
                parts.kernels,
                parts.decoder,
                parts.prompt(promptName),
                List.of(parts.decoder.layers() - 1, layer));
        Progress unheard = Progress.ofPrefill(Progress.SILENT, parts.decoder.layers());
        List<AttentionMap> all =
            probe.run(images, unheard).entrySet().stream()
                .map(e ->
                    AttentionMap.of(e.getKey(), e.getValue(), parts.prompt(promptName).images()))
                .toList();
        assertThat(all.getFirst().layer()).isEqualTo(layer);
        assertThat(all.getLast().layer()).isEqualTo(parts.decoder.layers() - 1);
        assertThat(all.getFirst().images()).hasSameSizeAs(images);
        for (int i = 0; i < images.size(); i++) {
          List<Float> attention = all.getFirst().images().get(i);
          float[] actual = new float[attention.size()];
          IntStream.range(0, actual.length).forEach(token -> actual[token] = attention.get(token));
          String tensor = pruned + ".scores.0." + i;
          assertClose(tensor, actual, parts.fixture.floats(tensor), 1e-5);
        }
      } finally {
        images.forEach(Tensor::close);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void leavingOutRowsNobodyReadsChangesNothing(String name, String pruned) {
    float[][] logits = new float[2][];
    List<List<Stage>> stages = new ArrayList<>();
    for (int order = 0; order < 2; order++) {
      try (FixtureParts parts = new FixtureParts(name, order == 1)) {
        String promptName = parts.fixture.pruned(pruned).get("prompt").asString();
        try (FixtureParts.Run run = parts.run(promptName, parts.fixture.plan(pruned), 0)) {
          logits[order] = run.prefill(done -> {});
          stages.add(run.stages());
        }
      }
    }
    assertClose("logits", logits[0], logits[1], 2e-5);
    assertThat(stages.get(0)).isEqualTo(stages.get(1));
  }

  /** Prefill and greedy decoding from the reference's pixels; returns the stages. */
  private static List<Stage> check(
      FixtureParts parts, String tensors, String promptName, PruningPlan plan, JsonNode expected) {
    List<Integer> tokens = parts.fixture.tokens(expected);
    try (FixtureParts.Run run = parts.run(promptName, plan, tokens.size() - 1)) {
      float[] logits = run.prefill(done -> checkStageHidden(run, tensors, plan, done));
      float[] reference = parts.fixture.floats(tensors + ".logits");
      double tolerance = Math.min(TOLERANCE, 1e-3 * Fixture.deviation(reference));
      assertClose("logits", logits, reference, tolerance);
      List<Integer> generated = new ArrayList<>();
      for (int i = 0; i < tokens.size(); i++) {
        generated.add(argmax(logits));
        if (i + 1 < tokens.size()) {
          logits = run.decode(generated.get(i), i);
        }
      }
      assertThat(generated).isEqualTo(tokens);
      assertClose("last logits", logits, parts.fixture.floats(tensors + ".finalLogits"), tolerance);
      return run.stages();
    }
  }

  private static void checkStageHidden(
      FixtureParts.Run run, String tensors, PruningPlan plan, int done) {
    Fixture fixture = run.parts.fixture;
    for (int drop = 0; drop < run.schedule.drops().size(); drop++) {
      String tensor = tensors + ".stageHidden." + drop;
      if (plan.ranking() == Ranking.STAGE_END
          && run.schedule.drops().get(drop).afterLayer() == done
          && fixture.has(tensor)) {
        assertClose(tensor, run.hidden(), fixture.floats(tensor), TOLERANCE);
      }
    }
  }

  private static int argmax(float[] logits) {
    return IntStream.range(0, logits.length)
        .boxed()
        .reduce((a, b) -> logits[b] > logits[a] ? b : a)
        .orElseThrow();
  }
}
