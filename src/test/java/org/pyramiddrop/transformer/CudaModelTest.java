package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.cuda.TestGpu;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.StoredQuantization;
import org.pyramiddrop.training.files.QuantizedModelWriter;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.RunnerPool;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.engine.WeightTypes;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** The whole model on a GPU, or on the emulated one, against the CPU and against itself. */
final class CudaModelTest {
  private static final Path SCENES =
      Path.of(System.getProperty("pyramiddrop.scenes", "../../models/scenes"));

  /**
   * How closely the two devices have to agree, weights being the same.
   *
   * @param dtype of weights and of the GPU's activations; the CPU's are float32
   * @param norm the relative error of logits
   * @param tie the relative difference of scores that a choice must respect
   */
  private record Agreement(DType dtype, double norm, double tie) {}

  private static final Agreement TRAINED = new Agreement(DType.BFLOAT16, 2e-2, 1e-2);

  /** Random weights with peaked attention make more of each rounding than trained ones do. */
  private static final Agreement FLOAT16 = new Agreement(DType.FLOAT16, 8e-3, 1e-2);

  /** It rounds eight times as coarsely as float16. */
  private static final Agreement BFLOAT16 = new Agreement(DType.BFLOAT16, 8 * 8e-3, 8 * 1e-2);

  /** What a driver may keep for itself over many requests; one leaked recording each is more. */
  private static final long NOISE_BYTES = 16 << 20;

  @BeforeAll
  static void useTheGpu() {
    TestGpu.prepare();
  }

  @AfterAll
  static void leaveTheGpu() {
    TestGpu.restore();
  }

  private static Question fixtureQuestion(String name, String prompt) {
    try (Fixture fixture = new Fixture(name)) {
      return fixture.question(prompt);
    }
  }

  /** Two images, and none. */
  private static List<Question> fixtureQuestions(String name) {
    return List.of(fixtureQuestion(name, "twoImages"), fixtureQuestion(name, "textOnly"));
  }

  private static Path fixtureFolder(String name) {
    try (Fixture fixture = new Fixture(name)) {
      return fixture.folder();
    }
  }

  private static Question sceneQuestion() {
    return Question.of("what number is on the gray triangle ?", SCENES.resolve("heldout/0000.png"));
  }

  private static List<PruningPlan> plans() {
    return List.of(
        PruningPlan.none(),
        PruningPlan.pyramid(4, 0.5),
        PruningPlan.pyramid(3, 0.6).withPositions(Positions.KEEP),
        PruningPlan.fastV(2, 0.5),
        PruningPlan.released(4, 0.7));
  }

  static Stream<Arguments> fixturesWithAndWithoutDrops() {
    return Fixture.names().stream()
        .flatMap(name -> plans().subList(0, 2).stream().map(plan -> Arguments.of(name, plan)));
  }

  static Stream<Arguments> fixturesAndPlans() {
    return Fixture.names().stream()
        .flatMap(name -> plans().stream().map(plan -> Arguments.of(name, plan)));
  }

  @ParameterizedTest
  @MethodSource("fixturesAndPlans")
  void inFloat16FixturesComeOutAsOnTheCpu(String name, PruningPlan plan) {
    assertLikeTheCpu(fixtureFolder(name), fixtureQuestions(name), plan, FLOAT16);
  }

  @ParameterizedTest
  @MethodSource("fixturesWithAndWithoutDrops")
  void inBfloat16FixturesComeOutAsOnTheCpu(String name, PruningPlan plan) {
    assertLikeTheCpu(fixtureFolder(name), fixtureQuestions(name), plan, BFLOAT16);
  }

  @ParameterizedTest
  @MethodSource("plans")
  void inBfloat16TheTrainedModelComesOutAsOnTheCpu(PruningPlan plan) {
    assertLikeTheCpu(SCENES.resolve("model"), List.of(sceneQuestion()), plan, TRAINED);
  }

  static Stream<Arguments> blocksWithAndWithoutDrops() {
    return Stream.of(DType.INT8, DType.INT4)
        .flatMap(blocks -> plans().subList(0, 2).stream().map(plan -> Arguments.of(blocks, plan)));
  }

  /** The same numbers and scales on both devices; what they lost is no difference. */
  @ParameterizedTest
  @MethodSource("blocksWithAndWithoutDrops")
  void inBlocksTheTrainedModelComesOutAsOnTheCpu(DType blocks, PruningPlan plan) {
    List<Question> questions = List.of(sceneQuestion());
    assertLikeTheCpu(SCENES.resolve("model"), questions, plan, TRAINED, Optional.of(blocks));
  }

  /** On compute capability 9.0 prefill rounds activations to eight bits, which the CPU doesn't. */
  @ParameterizedTest
  @MethodSource("eightBitFloats")
  void byEightBitFloatsTheTrainedModelComesOutAsOnTheCpu(String hopper, PruningPlan plan) {
    List<Question> questions = List.of(sceneQuestion());
    String before = System.getProperty("pyramiddrop.cuda.hopper", "true");
    System.setProperty("pyramiddrop.cuda.hopper", hopper);
    try {
      assertLikeTheCpu(SCENES.resolve("model"), questions, plan, TRAINED, Optional.of(DType.FP8));
    } finally {
      System.setProperty("pyramiddrop.cuda.hopper", before);
    }
  }

  static Stream<Arguments> eightBitFloats() {
    return Stream.of("true", "false")
        .flatMap(hopper -> plans().subList(0, 2).stream().map(plan -> Arguments.of(hopper, plan)));
  }

  private static void assertLikeTheCpu(
      Path folder, List<Question> questions, PruningPlan plan, Agreement agreement) {
    assertLikeTheCpu(folder, questions, plan, agreement, Optional.empty());
  }

  private static void assertLikeTheCpu(
      Path folder,
      List<Question> questions,
      PruningPlan plan,
      Agreement agreement,
      Optional<DType> blocks) {
    Choices choices = new Choices(agreement.tie());
    WeightTypes types = new WeightTypes(Optional.of(agreement.dtype()), blocks);
    List<float[]> actual = logits(folder, questions, plan, "cuda", types, choices::noting);
    List<float[]> expected = logits(folder, questions, plan, "cpu", types, choices::following);
    assertThat(choices.allFollowed()).isTrue();
    for (int i = 0; i < questions.size(); i++) {
      assertThat(actual.get(i)).hasSameSizeAs(expected.get(i));
      assertThat(relativeError(actual.get(i), expected.get(i)))
          .as("relative error of the logits")
          .isLessThanOrEqualTo(agreement.norm());
    }
  }

  private static List<float[]> logits(
      Path folder,
      List<Question> questions,
      PruningPlan plan,
      String device,
      WeightTypes types,
      UnaryOperator<Kernels> watched) {
    try (LoadedModel model = new LoadedModel(folder, device, types, watched)) {
      return questions.stream().map(question -> model.logits(question, plan)).toList();
    }
  }

  /** {@code ‖actual - expected‖ / ‖expected‖}; NaN if anything is. */
  private static double relativeError(float[] actual, float[] expected) {
    double error = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      error += ((double) actual[i] - expected[i]) * ((double) actual[i] - expected[i]);
      norm += (double) expected[i] * expected[i];
    }
    return Math.sqrt(error / norm);
  }

  @Test
  void aChoiceMayDifferInNearTiesOnly() {
    float[] scores = {0.5f, 0.1f, 0.0999f, 0.3f};
    Choices choices = new Choices(1e-2);
    choices.allowed(scores, new int[] {0, 1, 3}, new int[] {0, 2, 3});
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> choices.allowed(scores, new int[] {0, 3}, new int[] {0, 1}));
  }

  @ParameterizedTest
  @MethodSource("plans")
  void recordedWorkGivesTheBitsOfOperationsStartedOneByOne(PruningPlan plan) {
    Question question = fixtureQuestion("gqa-bfloat16-sharded", "twoImages");
    try (LoadedModel model =
            new LoadedModel(
                fixtureFolder("gqa-bfloat16-sharded"),
                "cuda",
                DType.BFLOAT16,
                UnaryOperator.identity());
        SequenceRunner runner = model.runner(question, plan, 0)) {
      model.tokens(runner, question, 0);
      assertThat(runner.logits()).isEqualTo(model.logits(question, plan));
    }
  }

  @Test
  void aSecondQuestionOfTheSameShapeFindsItsWorkRecorded() {
    PruningPlan plan = PruningPlan.pyramid(3, 0.5);
    Question first = fixtureQuestion("mha-float32", "oneImage");
    try (LoadedModel model =
            new LoadedModel(
                fixtureFolder("mha-float32"), "cuda", DType.BFLOAT16, UnaryOperator.identity());
        RunnerPool runners = new RunnerPool(model.kernels(), model.decoder())) {
      assertThat(model.kernels().replays()).isTrue();
      Prompt prompt = model.prompt(first);
      SequenceRunner.Shape shape =
          new SequenceRunner.Shape(prompt.length(), prompt.images(), plan, 5);
      SequenceRunner runner = runners.acquire(shape);
      model.fill(runner, first);
      List<Integer> tokens = model.tokens(runner, first, 5);
      runners.release(runner);

      SequenceRunner other =
          runners.acquire(new SequenceRunner.Shape(prompt.length(), prompt.images(), plan, 6));
      assertThat(other).isNotSameAs(runner);
      runners.release(other);

      // Another image has passed through it meanwhile.
      SequenceRunner again = runners.acquire(shape);
      assertThat(again).isSameAs(runner);
      Question turned = new Question(first.prompt(), otherImage(), true);
      model.fill(again, turned);
      model.tokens(again, turned, 5);
      model.fill(again, first);
      assertThat(model.tokens(again, first, 5)).isEqualTo(tokens);
      runners.release(again);
    }
  }

  private static List<Image> otherImage() {
    List<Image> two = fixtureQuestion("mha-float32", "twoImages").images();
    return List.of(two.get(1));
  }

  @ParameterizedTest
  @MethodSource("plans")
  void inFloat32AnswersAreTheCpus(PruningPlan plan) {
    Path folder = fixtureFolder("mha-float32");
    Options options = Options.defaults().withPruning(plan).withMaxTokens(6).withTopLogits(3);
    LoadOptions load = LoadOptions.defaults().withDtype(WeightType.FLOAT32);
    try (Llava cuda = Llava.load(folder, load.withBackend(Backend.CUDA));
        Llava cpu = Llava.load(folder, load.withBackend(Backend.CPU))) {
      assertThat(cuda.backend()).isEqualTo("cuda");
      for (String prompt : List.of("oneImage", "textOnly", "oneImage")) {
        Question question = fixtureQuestion("mha-float32", prompt);
        Answer actual = cuda.ask(question, options);
        Answer expected = cpu.ask(question, options);
        assertThat(actual.tokenIds()).isEqualTo(expected.tokenIds());
        assertThat(actual.stages()).isEqualTo(expected.stages());
        for (int i = 0; i < 3; i++) {
          assertThat(actual.logits().get(i).value())
              .isCloseTo(expected.logits().get(i).value(), within(1e-3f));
        }
      }
    }
  }

  /** Four bits as AutoAWQ and GPTQ pack them are the model that compressed-tensors' folder has. */
  @ParameterizedTest
  @EnumSource(names = {"AWQ", "GPTQ", "GPTQ_V2"})
  void aFolderOfOtherSoftwareAnswersAsItDoesOnTheCpu(
      StoredQuantization.Layout layout, @TempDir Path temporary) throws IOException {
    Path compressed = temporary.resolve("compressed");
    Path packed = temporary.resolve("packed");
    PackedFolder.compressed(SCENES.resolve("model"), compressed);
    PackedFolder.repack(compressed, packed, layout);
    PruningPlan plan = PruningPlan.pyramid(4, 0.5);
    Question question = sceneQuestion();
    try (LoadedModel ofCompressed = onTheCpu(compressed);
        LoadedModel ofPacked = onTheCpu(packed)) {
      assertThat(ofPacked.logits(question, plan)).isEqualTo(ofCompressed.logits(question, plan));
    }
    assertLikeTheCpu(packed, List.of(question), plan, TRAINED);
  }

  private static LoadedModel onTheCpu(Path folder) {
    return new LoadedModel(folder, "cpu", DType.FLOAT32, UnaryOperator.identity());
  }

  /** Prefill and decode steps; the folder's output head is converted as well, as it is at load. */
  @ParameterizedTest
  @EnumSource(names = {"INT8", "INT4"})
  void inBlocksAnswersAreTheCpusAndThoseOfAQuantizedFolder(
      WeightFormat format, @TempDir Path temporary) throws IOException {
    Path folder = fixtureFolder("mha-float32");
    Path quantized = temporary.resolve("quantized");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      DecoderDescription decoder =
          ModelDescription.of(LlavaConfig.read(folder), checkpoint, checkpoint).decoder();
      DType type = format.converted().orElseThrow();
      QuantizedModelWriter.write(checkpoint, decoder, quantized, type, (done, all) -> {});
    }
    Options options =
        Options.defaults()
            .withPruning(PruningPlan.pyramid(4, 0.5))
            .withMaxTokens(6)
            .withTopLogits(3);
    LoadOptions load = LoadOptions.defaults().withDtype(WeightType.FLOAT32).withWeights(format);
    try (Llava cuda = Llava.load(folder, load.withBackend(Backend.CUDA));
        Llava stored = Llava.load(quantized, load.withBackend(Backend.CUDA));
        Llava cpu = Llava.load(folder, load.withBackend(Backend.CPU))) {
      assertThat(cuda.dtype()).isEqualTo(stored.dtype()).isEqualTo(cpu.dtype());
      for (String prompt : List.of("oneImage", "textOnly")) {
        Question question = fixtureQuestion("mha-float32", prompt);
        Answer actual = cuda.ask(question, options);
        Answer ofFolder = stored.ask(question, options);
        Answer expected = cpu.ask(question, options);
        assertThat(actual.tokenIds()).isEqualTo(expected.tokenIds());
        assertThat(ofFolder.tokenIds()).isEqualTo(actual.tokenIds());
        assertThat(ofFolder.logits()).isEqualTo(actual.logits());
        for (int i = 0; i < 3; i++) {
          assertThat(actual.logits().get(i).value())
              .isCloseTo(expected.logits().get(i).value(), within(1e-3f));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gqa-bfloat16-sharded", "next-mistral-bfloat16-sharded"})
  @Tag("leaks")
  void manyRequestsLeaveDeviceMemoryAndHandlesAsTheyWere(String name) {
    int requests = Integer.getInteger("pyramiddrop.test.requests", TestGpu.isReal() ? 1000 : 30);
    List<Question> questions = new ArrayList<>();
    for (String prompt : List.of("oneImage", "textOnly", "twoImages")) {
      questions.add(fixtureQuestion(name, prompt));
    }
    LoadOptions load = LoadOptions.defaults().withBackend(Backend.CUDA);
    long freeAtFirst = TestGpu.freeBytes();
    long handlesAtFirst = TestGpu.liveHandles();
    try (Llava model = Llava.load(fixtureFolder(name), load)) {
      long free = 0;
      long handles = 0;
      // More shapes than wait recorded, so that runners come and go; all have come before the
      // count.
      int shapes = questions.size() * plans().size();
      for (int i = 0; i < 4 * shapes + requests; i++) {
        if (i == 4 * shapes) {
          free = TestGpu.freeBytes();
          handles = TestGpu.liveHandles();
        }
        PruningPlan plan = plans().get(i / questions.size() % plans().size());
        Options options = Options.defaults().withPruning(plan).withMaxTokens(2);
        model.ask(questions.get(i % questions.size()), options);
      }
      assertThat(free - TestGpu.freeBytes()).as("device memory lost").isLessThanOrEqualTo(noise());
      assertThat(TestGpu.liveHandles()).as("handles").isEqualTo(handles);
    }
    assertThat(freeAtFirst - TestGpu.freeBytes())
        .as("device memory kept once closed")
        .isLessThanOrEqualTo(noise());
    assertThat(TestGpu.liveHandles()).as("handles once closed").isEqualTo(handlesAtFirst);
  }

  private static long noise() {
    return TestGpu.isReal() ? NOISE_BYTES : 0;
  }
}
