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
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Picture;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.loader.Tokenizer;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Ranking;
import org.pyramiddrop.transformer.pruning.Schedule;
import tools.jackson.databind.JsonNode;

/** Every stage of the model, and every way of pruning it, against PyTorch in float32. */
final class ReferenceTest {
  private static final double TOLERANCE = 1e-4;

  /** A fixture loaded in parts; {@code plainOrder} as in {@link Decoder}. */
  private static final class Parts implements AutoCloseable {
    final Fixture fixture;
    final LlavaConfig config;
    final Checkpoint checkpoint;
    final Kernels kernels = Devices.open("cpu", 2);
    final WeightStore store;
    final VisionTower tower;
    final Projector projector;
    final Decoder decoder;

    Parts(String name, boolean plainOrder) {
      fixture = new Fixture(name);
      config = LlavaConfig.read(fixture.folder());
      checkpoint = Checkpoint.open(fixture.folder());
      store = new WeightStore(checkpoint, kernels, WeightType.AUTO);
      tower = new VisionTower(kernels, config, store);
      projector = new Projector(kernels, config, tower.columns(), store);
      decoder = new Decoder(kernels, config, store, plainOrder);
    }

    /** Pixels of the reference, so that image decoding is not what is tested. */
    Pixels pixels(int picture) {
      int side = config.vision().imageSize();
      return new Pixels(3, side, side, fixture.floats("pixels", picture));
    }

    Prompt prompt(String name) {
      int[] expanded = ints(name + ".inputIds");
      List<Prompt.Span> images = new ArrayList<>();
      for (JsonNode span : fixture.json().get("prompts").get(name).get("imageSpans")) {
        images.add(new Prompt.Span(span.get("start").asInt(), span.get("length").asInt()));
      }
      return new Prompt(expanded, images);
    }

    int[] ints(String tensor) {
      return fixture.ints(tensor).stream().mapToInt(Integer::intValue).toArray();
    }

    /** The embedded prompt, from the reference's pixels. */
    Tensor merged(String prompt) {
      List<Tensor> images = new ArrayList<>();
      int index = 0;
      for (JsonNode file : fixture.json().get("prompts").get(prompt).get("pictures")) {
        int picture = file.asString().contains("wide") ? 0 : 1;
        try (Tensor features = tower.encode(pixels(picture))) {
          images.add(projector.project(features));
        }
        index++;
      }
      assertThat(index).isEqualTo(prompt(prompt).images().size());
      return decoder.merge(prompt(prompt), images);
    }

    @Override
    public void close() {
      decoder.close();
      store.close();
      kernels.close();
      checkpoint.close();
      fixture.close();
    }
  }

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
  void processesPicturesAsTheReferenceDoes(String name) {
    try (Parts parts = new Parts(name, false)) {
      ImageProcessor processor = ImageProcessor.read(parts.fixture.folder(), parts.config.vision());
      float[] scale = {0.26862954f, 0.26130258f, 0.27577711f};
      for (int picture = 0; picture < 2; picture++) {
        String file = picture == 0 ? "wide" : "upright";
        float[] actual = processor.process(Picture.read(parts.fixture.picture(file))).values();
        float[] expected = parts.fixture.floats("pixels", picture);
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
          float channel = scale[i / (expected.length / 3)];
          assertThat(Math.abs(actual[i] - expected[i]) * channel * 255).isLessThanOrEqualTo(2.001f);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void encodesPicturesAsTheReferenceDoes(String name) {
    try (Parts parts = new Parts(name, false)) {
      for (int picture = 0; picture < 2; picture++) {
        try (Tensor features = parts.tower.encode(parts.pixels(picture));
            Tensor projected = parts.projector.project(features)) {
          assertClose(
              "vision features",
              parts.kernels.download(features),
              parts.fixture.floats("visionFeatures", picture),
              TOLERANCE);
          assertClose(
              "image features",
              parts.kernels.download(projected),
              parts.fixture.floats("imageFeatures", picture),
              TOLERANCE);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void tokenizesAndExpandsPromptsAsTheReferenceDoes(String name) {
    try (Parts parts = new Parts(name, false);
        Tokenizer tokenizer = Tokenizer.open(parts.fixture.folder())) {
      for (String prompt : List.of("oneImage", "textOnly", "twoImages")) {
        Question question = parts.fixture.question(prompt);
        Prompt actual =
            Prompt.of(
                tokenizer.encode(question.prompt(), true),
                parts.config.imageTokenId(),
                question.pictures().size(),
                parts.tower.tokens());
        assertThat(actual.ids(0, actual.length())).isEqualTo(parts.ints(prompt + ".inputIds"));
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
    try (Parts parts = new Parts(name, true);
        Tensor merged = parts.merged("oneImage")) {
      assertClose(
          "merged",
          parts.kernels.download(merged),
          parts.fixture.floats("oneImage.mergedEmbeddings"),
          TOLERANCE);
      Prompt prompt = parts.prompt("oneImage");
      Schedule schedule = PruningPlan.none().schedule(parts.config.text().layers());
      Sequence sequence = new Sequence(parts.kernels, schedule, prompt, merged);
      KeyValueCache cache = parts.decoder.cache(prompt, schedule, 0);
      parts
          .decoder
          .prefill(
              sequence,
              schedule,
              cache,
              done ->
                  assertClose(
                      "layer " + (done - 1),
                      parts.kernels.download(sequence.hidden()),
                      parts.fixture.floats("oneImage.layer." + (done - 1)),
                      TOLERANCE))
          .close();
    }
  }

  @ParameterizedTest
  @MethodSource("prompts")
  void unprunedLogitsAndTokensAreTheReferences(String name, String prompt) {
    try (Parts parts = new Parts(name, false)) {
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
    try (Parts parts = new Parts(name, false)) {
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
  void leavingOutRowsNobodyReadsChangesNothing(String name, String pruned) {
    float[][] logits = new float[2][];
    List<List<Stage>> stages = new ArrayList<>();
    for (int order = 0; order < 2; order++) {
      try (Parts parts = new Parts(name, order == 1)) {
        String promptName = parts.fixture.pruned(pruned).get("prompt").asString();
        Prompt prompt = parts.prompt(promptName);
        Schedule schedule = parts.fixture.plan(pruned).schedule(parts.config.text().layers());
        try (Sequence sequence =
                new Sequence(parts.kernels, schedule, prompt, parts.merged(promptName));
            KeyValueCache cache = parts.decoder.cache(prompt, schedule, 0);
            Tensor last = parts.decoder.prefill(sequence, schedule, cache, done -> {})) {
          logits[order] = parts.kernels.download(last);
          stages.add(sequence.stages());
        }
      }
    }
    assertClose("logits", logits[0], logits[1], 2e-5);
    assertThat(stages.get(0)).isEqualTo(stages.get(1));
  }

  /** Prefill and greedy decoding from the reference's pixels; returns the stages. */
  private static List<Stage> check(
      Parts parts, String tensors, String promptName, PruningPlan plan, JsonNode expected) {
    Prompt prompt = parts.prompt(promptName);
    Schedule schedule = plan.schedule(parts.config.text().layers());
    List<Integer> tokens = parts.fixture.tokens(expected);
    try (Sequence sequence =
            new Sequence(parts.kernels, schedule, prompt, parts.merged(promptName));
        KeyValueCache cache = parts.decoder.cache(prompt, schedule, tokens.size() - 1)) {
      float[] logits;
      try (Tensor first =
          parts.decoder.prefill(
              sequence,
              schedule,
              cache,
              done -> checkStageHidden(parts, tensors, plan, schedule, done, sequence))) {
        logits = parts.kernels.download(first);
      }
      float[] reference = parts.fixture.floats(tensors + ".logits");
      double tolerance = Math.min(TOLERANCE, 1e-3 * Fixture.deviation(reference));
      assertClose("logits", logits, reference, tolerance);
      List<Integer> generated = new ArrayList<>();
      for (int i = 0; i < tokens.size(); i++) {
        generated.add(argmax(logits));
        if (i + 1 < tokens.size()) {
          try (Tensor next =
              parts.decoder.decode(generated.get(i), prompt.length() + i, schedule, cache)) {
            logits = parts.kernels.download(next);
          }
        }
      }
      assertThat(generated).isEqualTo(tokens);
      assertClose("last logits", logits, parts.fixture.floats(tensors + ".finalLogits"), tolerance);
      return sequence.stages();
    }
  }

  private static void checkStageHidden(
      Parts parts,
      String tensors,
      PruningPlan plan,
      Schedule schedule,
      int done,
      Sequence sequence) {
    for (int drop = 0; drop < schedule.drops().size(); drop++) {
      String tensor = tensors + ".stageHidden." + drop;
      if (plan.ranking() == Ranking.STAGE_END
          && schedule.drops().get(drop).afterLayer() == done
          && parts.fixture.has(tensor)) {
        assertClose(
            tensor,
            parts.kernels.download(sequence.hidden()),
            parts.fixture.floats(tensor),
            TOLERANCE);
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
