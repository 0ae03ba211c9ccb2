package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.pyramiddrop.transformer.Fixture.assertClose;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Indices;
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
    final Kernels kernels = TestDevice.open(DType.FLOAT32);
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

    float[] features(int picture) {
      try (Tensor features = features(pixels(picture))) {
        return kernels.download(features);
      }
    }

    private Tensor features(Pixels pixels) {
      Tensor features = kernels.allocate(tower.tokens(), tower.columns());
      try (Tensor patches = tower.allocatePatches()) {
        kernels.upload(tower.patches(pixels), patches);
        tower.encode(patches, features);
      }
      return features;
    }

    Tensor embeddings(int picture) {
      Tensor embeddings = kernels.allocate(tower.tokens(), config.text().hiddenSize());
      try (Tensor features = features(pixels(picture))) {
        projector.project(features, embeddings);
      }
      return embeddings;
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

    /** Embeddings of a prompt's images, from the reference's pixels; the caller closes them. */
    List<Tensor> images(String prompt) {
      List<Tensor> images = new ArrayList<>();
      for (JsonNode file : fixture.json().get("prompts").get(prompt).get("pictures")) {
        images.add(embeddings(file.asString().contains("wide") ? 0 : 1));
      }
      return images;
    }

    /** The embedded prompt, from the reference's pixels. */
    Tensor merged(String prompt) {
      List<Tensor> images = images(prompt);
      Prompt expanded = prompt(prompt);
      assertThat(images).hasSize(expanded.images().size());
      try (Indices ids = kernels.indices(expanded.ids())) {
        return decoder.merge(ids, expanded.images(), images);
      } finally {
        images.forEach(Tensor::close);
      }
    }

    /** A prompt on its way through the layers. */
    Run run(String prompt, PruningPlan plan, int further) {
      return new Run(this, prompt, plan.schedule(config.text().layers()), further);
    }

    @Override
    public void close() {
      decoder.close();
      tower.close();
      store.close();
      kernels.close();
      checkpoint.close();
      fixture.close();
    }
  }

  /** What one prompt needs, its operations started one by one. */
  private static final class Run implements AutoCloseable {
    private final Parts parts;
    private final Schedule schedule;
    private final KeptRows kept;
    private final KeyValueCache cache;
    private final Sequence sequence;
    private final NextToken next;
    private final Tensor logits;

    Run(Parts parts, String promptName, Schedule schedule, int further) {
      this.parts = parts;
      this.schedule = schedule;
      Prompt prompt = parts.prompt(promptName);
      kept = new KeptRows(parts.kernels, schedule, prompt);
      cache = parts.decoder.cache(prompt, schedule, further);
      sequence = new Sequence(parts.kernels, schedule, kept, parts.merged(promptName));
      int[] lengths = IntStream.range(0, schedule.stages()).map(kept::length).toArray();
      next = new NextToken(parts.kernels, schedule, lengths);
      logits = parts.kernels.allocate(DType.FLOAT32, 1, parts.decoder.vocabulary());
    }

    float[] hidden() {
      return parts.kernels.download(sequence.hidden());
    }

    float[] prefill(IntConsumer progress) {
      parts.decoder.prefill(sequence, schedule, cache, progress, logits);
      return parts.kernels.download(logits);
    }

    float[] decode(int token, int before) {
      parts.kernels.upload(new int[] {token}, next.id());
      next.place(before);
      parts.decoder.decode(next, schedule, cache, logits);
      return parts.kernels.download(logits);
    }

    @Override
    public void close() {
      sequence.close();
      kept.close();
      cache.close();
      next.close();
      logits.close();
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
        assertClose(
            "vision features",
            parts.features(picture),
            parts.fixture.floats("visionFeatures", picture),
            TOLERANCE);
        try (Tensor projected = parts.embeddings(picture)) {
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
    try (Parts parts = new Parts(name, true);
        Run run = parts.run("oneImage", PruningPlan.none(), 0)) {
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
  void attentionMapsAreWhatTheReferenceRanksBy(String name, String pruned) {
    try (Parts parts = new Parts(name, false)) {
      JsonNode expected = parts.fixture.pruned(pruned);
      if (parts.fixture.plan(pruned).ranking() != Ranking.STAGE_END) {
        return; // The next stage's own scores, which no layer's attention has.
      }
      int layer = expected.get("drops").get(0).get("afterLayer").asInt() - 1;
      String promptName = expected.get("prompt").asString();
      List<Tensor> images = parts.images(promptName);
      try {
        AttentionMaps maps =
            new AttentionMaps(
                parts.kernels,
                parts.decoder,
                parts.prompt(promptName),
                List.of(parts.decoder.layers() - 1, layer));
        List<AttentionMap> all = maps.run(images, () -> {});
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
      try (Parts parts = new Parts(name, order == 1)) {
        String promptName = parts.fixture.pruned(pruned).get("prompt").asString();
        try (Run run = parts.run(promptName, parts.fixture.plan(pruned), 0)) {
          logits[order] = run.prefill(done -> {});
          stages.add(run.kept.stages());
        }
      }
    }
    assertClose("logits", logits[0], logits[1], 2e-5);
    assertThat(stages.get(0)).isEqualTo(stages.get(1));
  }

  /** Prefill and greedy decoding from the reference's pixels; returns the stages. */
  private static List<Stage> check(
      Parts parts, String tensors, String promptName, PruningPlan plan, JsonNode expected) {
    List<Integer> tokens = parts.fixture.tokens(expected);
    try (Run run = parts.run(promptName, plan, tokens.size() - 1)) {
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
      return run.kept.stages();
    }
  }

  private static void checkStageHidden(Run run, String tensors, PruningPlan plan, int done) {
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
