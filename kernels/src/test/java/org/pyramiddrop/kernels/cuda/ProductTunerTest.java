package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Checked;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.RandomData;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.kernels.cuda.CudaLinearTest.Layer;
import org.pyramiddrop.kernels.cuda.CudaLinearTest.Sizes;

/** How the algorithms of products are chosen, with times that the test makes up. */
class ProductTunerTest {
  private static final int INPUTS = 264;
  private static final int OUTPUTS = 40;

  /** The emulated cuBLASLt's algorithm that wants an even number of rows. */
  private static final int EVEN_ROWS_ONLY = 3;

  /** Of a linear layer in bfloat16: four algorithms and two tiles. */
  private static final int ALGORITHMS = 6;

  @TempDir private Path folder;

  @BeforeEach
  void prepare() {
    TestGpu.prepare();
  }

  @AfterEach
  void restore() {
    if (!TestGpu.isReal()) {
      TestGpu.hook("emulated_cublas_fail", -1);
      TestGpu.hook("emulated_reset");
    }
  }

  private Kernels open(Stopwatch stopwatch) {
    return open(stopwatch, true);
  }

  private Kernels open(Stopwatch stopwatch, boolean reuse) {
    return TestGpu.open(DType.BFLOAT16, options(stopwatch, reuse));
  }

  private CudaOptions options(Stopwatch stopwatch, boolean reuse) {
    Tuning tuning = new Tuning.Measured(folder, (_, _, _) -> stopwatch);
    return new CudaOptions(true, reuse, tuning).withHopper(false);
  }

  /** A layer whose sums show in which order they were added up. */
  private static final class Probe implements AutoCloseable {
    private final Kernels kernels;
    private final Weight w;
    private final float[] x;

    Probe(Kernels kernels) {
      this.kernels = kernels;
      RandomData random = new RandomData("probe", DType.BFLOAT16);
      w =
          kernels.weight(
              List.of(
                  Stored.matrix(
                      DType.BFLOAT16,
                      random.weights(DType.BFLOAT16, OUTPUTS * INPUTS, 1),
                      INPUTS)));
      x = random.normal(700 * INPUTS, 1);
    }

    Tensor input(int rows) {
      Tensor from = kernels.allocate(rows, INPUTS);
      kernels.upload(Arrays.copyOf(x, rows * INPUTS), from);
      return from;
    }

    void multiply(Tensor from, Tensor out) {
      kernels.linear(from, w, null, Activation.NONE, out);
    }

    float[] run(int rows) {
      try (Tensor from = input(rows);
          Tensor out = kernels.allocate(DType.FLOAT32, rows, OUTPUTS)) {
        multiply(from, out);
        return kernels.download(out);
      }
    }

    /** Takes the same weight for gate and up. */
    void gate(int rows) {
      try (Tensor from = input(rows);
          Tensor out = kernels.allocate(rows, OUTPUTS / 2)) {
        kernels.swiGlu(from, w, out);
      }
    }

    float[] record(int rows) {
      try (Tensor from = input(rows);
          Tensor out = kernels.allocate(DType.FLOAT32, rows, OUTPUTS);
          Recording recording = kernels.record(() -> multiply(from, out))) {
        recording.run();
        return kernels.download(out);
      }
    }

    @Override
    public void close() {
      w.close();
    }
  }

  private float[] run(Stopwatch stopwatch, int rows) {
    try (Kernels kernels = open(stopwatch);
        Probe probe = new Probe(kernels)) {
      return probe.run(rows);
    }
  }

  /** The lines of the choices' file behind the first. */
  private List<String> choices() throws IOException {
    List<String> lines = Files.readAllLines(file());
    return lines.subList(1, lines.size());
  }

  private Path file() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> all = files.toList();
      assertThat(all).hasSize(1);
      return all.getFirst();
    }
  }

  private void forget() throws IOException {
    Files.delete(file());
  }

  @Test
  void takesTheWayThatWasFastestAndTakesItAgainInTheNextProcess() throws IOException {
    assumeFalse(TestGpu.isReal(), "another GPU's algorithms need not differ in their bits");
    Set<List<Float>> different = new HashSet<>();
    for (int number = 0; number < ALGORITHMS; number++) {
      RiggedStopwatch stopwatch = new RiggedStopwatch(number, false);
      float[] expected = run(stopwatch, 90);
      assertThat(choices())
          .singleElement()
          .asString()
          .startsWith("linear 65-128 x 264 -> 40")
          .endsWith(" = " + stopwatch.winner().text());
      if (stopwatch.winner() instanceof ProductAlgorithm.CublasLt) {
        different.add(boxed(expected));
      }

      RiggedStopwatch other = new RiggedStopwatch((number + 1) % ALGORITHMS, false);
      assertThat(run(other, 90)).isEqualTo(expected);
      assertThat(other.runs()).as("measured again").isZero();
      forget();
    }
    assertThat(different).as("the algorithms that were run").hasSize(4);
  }

  private static List<Float> boxed(float[] values) {
    List<Float> all = new ArrayList<>();
    for (float value : values) {
      all.add(value);
    }
    return all;
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void everyWayGivesWhatTheProductIs(DType dtype) throws IOException {
    assumeFalse(
        TestGpu.isReal(), "CudaProductAlgorithmsTest is for GPUs: here all algorithms are run");
    for (int number = 0; number < (dtype == DType.FLOAT32 ? 5 : ALGORITHMS); number++) {
      Tuning tuning = new Tuning.Measured(folder, stopwatches(number));
      try (Kernels kernels =
          TestGpu.open(dtype, new CudaOptions(true, false, tuning).withHopper(false))) {
        for (DType out : new DType[] {dtype, DType.FLOAT32}) {
          for (boolean biased : new boolean[] {true, false}) {
            for (Activation activation : Activation.values()) {
              Layer layer = new Layer(dtype, new Sizes(70, 136, 44), activation, biased, false);
              assertThat(layer.run(kernels, out)).isEmpty();
            }
          }
        }
        // Sums of few terms are no larger than their terms, so that each rounding shows.
        for (int inputs : new int[] {8, 136}) {
          Layer gated = new Layer(dtype, new Sizes(70, inputs, 46), Activation.NONE, false, true);
          assertThat(gated.run(kernels, dtype)).isEmpty();
        }
      }
      forget();
    }
  }

  private static Tuning.StopwatchFactory stopwatches(int fastest) {
    Stopwatch stopwatch = new RiggedStopwatch(fastest, false);
    return (_, _, _) -> stopwatch;
  }

  @Test
  void measuresWithEventsToo() {
    Tuning tuning = new Tuning.Measured(folder, EventStopwatch::new);
    try (Kernels kernels =
        TestGpu.open(DType.BFLOAT16, new CudaOptions(true, true, tuning).withHopper(false))) {
      for (boolean gated : new boolean[] {false, true}) {
        Layer layer =
            new Layer(DType.BFLOAT16, new Sizes(64, 64, 64), Activation.NONE, false, gated);
        assertThat(layer.run(kernels, DType.BFLOAT16)).isEmpty();
      }
    }
    assertThat(folder).isNotEmptyDirectory();
  }

  @Test
  void ofEqualsTheFirstWins() throws IOException {
    List<ProductAlgorithm> asked = new ArrayList<>();
    run(
        (algorithm, _) -> {
          asked.add(algorithm);
          return 1;
        },
        90);
    assertThat(choices()).singleElement().asString().endsWith(asked.getFirst().text());
  }

  @Test
  void oneSlowRunDoesNotDecide() throws IOException {
    RiggedStopwatch stopwatch = new RiggedStopwatch(2, false);
    int[] runs = {0};
    run(
        (algorithm, work) -> {
          stopwatch.millis(algorithm, work);
          boolean fast = stopwatch.isWinner(algorithm);
          boolean disturbed = fast && ++runs[0] == 3;
          return disturbed ? 1 : fast ? 0.01f : 0.012f;
        },
        90);
    assertThat(runs[0]).isGreaterThan(3);
    assertThat(choices()).singleElement().asString().endsWith(stopwatch.winner().text());
  }

  @Test
  void whatTakesLongIsNotTimedOften() throws IOException {
    RiggedStopwatch stopwatch = new RiggedStopwatch(4, false);
    run((algorithm, work) -> 1000 * stopwatch.millis(algorithm, work), 90);
    // To warm up, and once.
    assertThat(stopwatch.runs()).isEqualTo(2 * stopwatch.algorithms());
    assertThat(choices()).singleElement().asString().endsWith(stopwatch.winner().text());
  }

  @Test
  void numbersOfRowsInOneTileShareAChoice() {
    int[] asked = {0};
    Stopwatch stopwatch =
        (algorithm, _) -> {
          asked[0]++;
          // Tiles take any number of rows.
          return algorithm instanceof ProductAlgorithm.Tiled ? 1 : 2;
        };
    try (Kernels kernels = open(stopwatch);
        Probe probe = new Probe(kernels)) {
      probe.run(65);
      int first = asked[0];
      assertThat(first).isPositive();
      probe.run(128);
      assertThat(asked[0]).isEqualTo(first);
      probe.run(129);
      assertThat(asked[0]).isGreaterThan(first);
    }
  }

  @Test
  void aNumberOfRowsThatTheChosenAlgorithmRefusesIsMeasuredItself() throws IOException {
    assumeFalse(TestGpu.isReal(), "no GPU's algorithm is known to refuse a number of rows");
    RiggedStopwatch stopwatch = new RiggedStopwatch(EVEN_ROWS_ONLY, false);
    float[] even;
    float[] odd;
    try (Kernels kernels = open(stopwatch);
        Probe probe = new Probe(kernels)) {
      even = probe.run(90);
      odd = probe.run(91);
      int asked = stopwatch.runs();
      assertThat(probe.run(90)).isEqualTo(even);
      assertThat(probe.run(91)).isEqualTo(odd);
      probe.run(92);
      assertThat(stopwatch.runs()).isEqualTo(asked);
    }
    assertThat(choices()).hasSize(2).anyMatch(line -> line.startsWith("linear 91-91 "));
    RiggedStopwatch other = new RiggedStopwatch(0, false);
    assertThat(run(other, 91)).isEqualTo(odd);
    assertThat(run(other, 90)).isEqualTo(even);
    assertThat(other.runs()).isZero();
  }

  @Test
  void aWayThatFailsWhenItRunsIsLeftOut() throws IOException {
    assumeFalse(TestGpu.isReal(), "a GPU's algorithms can't be made to fail");
    int failing = 2;
    TestGpu.hook("emulated_quiet", 1);
    TestGpu.hook("emulated_cublas_fail", failing);
    // Of those that run it is the third.
    RiggedStopwatch stopwatch = new RiggedStopwatch(failing, true);
    float[] actual = run(stopwatch, 90);
    TestGpu.hook("emulated_cublas_fail", -1);
    assertThat(choices()).singleElement().asString().endsWith(stopwatch.winner().text());
    forget();
    assertThat(run(new RiggedStopwatch(EVEN_ROWS_ONLY, false), 90)).isEqualTo(actual);
  }

  @Test
  void nothingIsMeasuredInsideACapture() {
    RiggedStopwatch stopwatch = new RiggedStopwatch(1, true);
    try (Kernels kernels = open(stopwatch);
        Probe probe = new Probe(kernels);
        Tensor out = kernels.allocate(DType.FLOAT32, 90, OUTPUTS)) {
      List<Integer> asked = new ArrayList<>();
      try (Tensor x = probe.input(90);
          Recording recording =
              kernels.record(() -> {
                // Closed by the time it is measured.
                try (Tensor scratch = kernels.allocate(90, INPUTS)) {
                  kernels.copy(x, scratch);
                  probe.multiply(scratch, out);
                }
                asked.add(stopwatch.runs());
              })) {
        assertThat(asked).as("once to capture, once more with the choice").hasSize(2);
        assertThat(asked.getFirst()).isZero();
        assertThat(asked.getLast()).isPositive().isEqualTo(stopwatch.runs());
        recording.run();
        assertThat(kernels.download(out)).isEqualTo(probe.run(90));
        assertThat(stopwatch.runs()).isEqualTo(asked.getLast());
      }
    }
  }

  @Test
  void whatIsKnownIsCapturedOnce() {
    try (Kernels kernels = open(new RiggedStopwatch(1, false));
        Probe probe = new Probe(kernels)) {
      float[] expected = probe.run(90);
      try (Tensor x = probe.input(90);
          Tensor out = kernels.allocate(DType.FLOAT32, 90, OUTPUTS)) {
        int[] times = {0};
        try (Recording recording =
            kernels.record(() -> {
              probe.multiply(x, out);
              times[0]++;
            })) {
          recording.run();
        }
        assertThat(times[0]).isEqualTo(1);
        assertThat(kernels.download(out)).isEqualTo(expected);
      }
    }
  }

  @Test
  void aCaptureThatFailedLeavesNothingToMeasure() {
    RiggedStopwatch stopwatch = new RiggedStopwatch(1, false);
    try (Kernels kernels = open(stopwatch)) {
      try (Probe probe = new Probe(kernels);
          Tensor x = probe.input(90);
          Tensor out = kernels.allocate(DType.FLOAT32, 90, OUTPUTS)) {
        try {
          kernels
              .record(() -> {
                probe.multiply(x, out);
                throw new ArithmeticException("planted");
              })
              .close();
        } catch (ArithmeticException e) {
          assertThat(e).hasMessage("planted");
        }
      }
      // The weight is closed now.
      kernels.record(() -> {}).close();
      assertThat(stopwatch.runs()).isZero();
    }
  }

  @Test
  void measuringLeavesDeviceMemoryAndHandlesAsTheyWere() {
    long handlesAtFirst = TestGpu.liveHandles();
    long plansAtFirst = TestGpu.liveProductHandles();
    CudaKernels device =
        CudaProvider.open(DType.BFLOAT16, options(new RiggedStopwatch(3, true), false));
    try (Kernels kernels = Checked.over(device);
        Probe probe = new Probe(kernels)) {
      probe.record(10);
      probe.gate(10);
      long bytes = device.bytesInUse();
      // The same sums are asked of cuBLASLt for both, so one plan is kept, of four objects.
      long handles = TestGpu.liveHandles();
      long plans = TestGpu.liveProductHandles();
      for (int rows = 70; rows < 700; rows += 64) {
        probe.run(rows);
        probe.gate(rows);
        long kept = TestGpu.liveProductHandles() - plans;
        assertThat(kept).isEqualTo(TestGpu.isReal() ? 0 : 4);
        plans += kept;
        probe.record(rows);
        assertThat(TestGpu.liveProductHandles()).isEqualTo(plans);
      }
      assertThat(device.bytesInUse()).isEqualTo(bytes);
      assertThat(TestGpu.liveHandles()).isEqualTo(handles);
    }
    assertThat(TestGpu.liveHandles()).isEqualTo(handlesAtFirst);
    assertThat(TestGpu.liveProductHandles()).isEqualTo(plansAtFirst);
  }

  @Test
  void withoutRoomToMeasureTheProductIsDoneAllTheSame() {
    assumeFalse(TestGpu.isReal(), "a GPU can't be filled on purpose");
    // A workspace, x and what uploading it takes, but not another x.
    TestGpu.hook("emulated_memory", 88L << 20);
    RiggedStopwatch stopwatch = new RiggedStopwatch(1, false);
    int rows = 4096;
    int inputs = 4096;
    try (Kernels kernels = open(stopwatch);
        Weight w =
            kernels.weight(List.of(Stored.matrix(DType.BFLOAT16, new float[8 * inputs], inputs)));
        Tensor x = kernels.allocate(rows, inputs);
        Tensor out = kernels.allocate(rows, 8)) {
      kernels.upload(new float[rows * inputs], x);
      kernels.linear(x, w, null, Activation.NONE, out);
      assertThat(kernels.download(out)).containsOnly(0);
      assertThat(stopwatch.runs()).isZero();
    }
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void aFileThatHoldsOtherThingsIsIgnoredAndReplaced() throws IOException {
    float[] expected = run(new RiggedStopwatch(1, false), 90);
    List<String> good = Files.readAllLines(file());
    for (String bad :
        List.of(
            "",
            "another machine\n" + good.get(1) + "\n",
            good.getFirst() + "\nnothing of use\n",
            good.getFirst() + "\nlinear = 12\n",
            good.getFirst() + "\n" + good.get(1).substring(0, good.get(1).length() - 1) + "\n")) {
      Files.writeString(file(), bad);
      RiggedStopwatch stopwatch = new RiggedStopwatch(1, false);
      assertThat(run(stopwatch, 90)).isEqualTo(expected);
      assertThat(stopwatch.runs()).as("measured again").isPositive();
      assertThat(Files.readAllLines(file())).isEqualTo(good);
    }
    Files.write(file(), new byte[] {(byte) 0xff, (byte) 0xfe, 0});
    assertThat(run(new RiggedStopwatch(1, false), 90)).isEqualTo(expected);
    assertThat(Files.readAllLines(file())).isEqualTo(good);
  }

  @Test
  void anAlgorithmThatCublasDoesNotKnowIsNotRun() throws IOException {
    assumeFalse(TestGpu.isReal(), "what a real library makes of made-up bytes is its own affair");
    float[] expected = run(new RiggedStopwatch(1, false), 90);
    List<String> good = Files.readAllLines(file());
    String kind = good.get(1).substring(0, good.get(1).lastIndexOf(' ') + 1);
    Files.write(file(), List.of(good.getFirst(), kind + "12".repeat(64)));
    RiggedStopwatch stopwatch = new RiggedStopwatch(1, false);
    assertThat(run(stopwatch, 90)).isEqualTo(expected);
    assertThat(stopwatch.runs()).isPositive();
  }

  @Test
  void aFolderThatCannotBeWrittenIsNoFailure() throws IOException {
    float[] expected = run(new RiggedStopwatch(1, false), 90);
    Path inTheWay = Files.createFile(folder.resolve("file"));
    RiggedStopwatch stopwatch = new RiggedStopwatch(1, false);
    Tuning tuning = new Tuning.Measured(inTheWay.resolve("folder"), (_, _, _) -> stopwatch);
    try (Kernels kernels =
            TestGpu.open(DType.BFLOAT16, new CudaOptions(true, true, tuning).withHopper(false));
        Probe probe = new Probe(kernels)) {
      assertThat(probe.run(90)).isEqualTo(expected);
      int asked = stopwatch.runs();
      assertThat(probe.run(90)).isEqualTo(expected);
      assertThat(stopwatch.runs()).as("measured once").isEqualTo(asked);
    }
  }

  @Test
  void twoProcessesKeepEachOthersChoices() throws IOException {
    try (Kernels one = open(new RiggedStopwatch(1, false));
        Kernels other = open(new RiggedStopwatch(2, false));
        Probe first = new Probe(one);
        Probe second = new Probe(other)) {
      first.run(10);
      second.run(90);
      first.run(150);
    }
    assertThat(choices())
        .hasSize(3)
        .anyMatch(line -> line.startsWith("linear 1-64 "))
        .anyMatch(line -> line.startsWith("linear 65-128 "))
        .anyMatch(line -> line.startsWith("linear 129-192 "));
  }

  @Test
  void anotherDriverChoosesAnew() throws IOException {
    assumeFalse(TestGpu.isReal(), "a GPU's driver can't be changed here");
    run(new RiggedStopwatch(1, false), 90);
    TestGpu.hook("emulated_driver_version", 13020);
    RiggedStopwatch stopwatch = new RiggedStopwatch(1, false);
    run(stopwatch, 90);
    assertThat(stopwatch.runs()).isPositive();
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).hasSize(2);
    }
  }

  @Test
  void offTakesTheFirstGuessAndKeepsNothing() {
    System.setProperty(Tuning.PROPERTY, "off");
    float[] guessed;
    try (Kernels kernels = TestGpu.open(DType.BFLOAT16);
        Probe probe = new Probe(kernels)) {
      guessed = probe.run(90);
    }
    assertThat(folder).isEmptyDirectory();
    assertThat(run(new RiggedStopwatch(0, false), 90)).isEqualTo(guessed);
  }

  @Test
  void thePropertySaysWhereChoicesAreKept() {
    @Nullable String before = System.getProperty(Tuning.PROPERTY);
    try {
      System.setProperty(Tuning.PROPERTY, "off");
      assertThat(Tuning.ofProperty()).isEqualTo(new Tuning.Off());
      System.setProperty(Tuning.PROPERTY, folder.toString());
      assertThat(Tuning.ofProperty())
          .isInstanceOfSatisfying(
              Tuning.Measured.class, tuning -> assertThat(tuning.folder()).isEqualTo(folder));
      System.clearProperty(Tuning.PROPERTY);
      assertThat(Tuning.ofProperty())
          .isInstanceOfSatisfying(
              Tuning.Measured.class,
              tuning ->
                  assertThat(tuning.folder()).isAbsolute().endsWithRaw(Path.of("pyramiddrop")));
    } finally {
      if (before != null) {
        System.setProperty(Tuning.PROPERTY, before);
      }
    }
  }
}
