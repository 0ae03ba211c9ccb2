package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Profile;
import org.pyramiddrop.kernels.RandomData;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** What a profile of a recording says, and that taking one changes nothing. */
class CudaProfileTest {
  private static final DType DTYPE = DType.BFLOAT16;
  private static final int ROWS = 9;
  private static final int COLUMNS = 24;
  private static final int KEPT = 3;

  @BeforeEach
  void emulate() {
    TestGpu.prepare();
    if (!TestGpu.isReal()) {
      TestGpu.hook("emulated_reset");
    }
  }

  @AfterEach
  void leaveNothing() {
    if (!TestGpu.isReal()) {
      assertThat(TestGpu.hook("emulated_live_bytes")).as("device memory").isZero();
      assertThat(TestGpu.hook("emulated_live_handles")).as("handles").isZero();
      TestGpu.hook("emulated_reset");
    }
  }

  /** Some layers on random numbers: products of all kinds, a norm, a copy, a selection. */
  private static final class Layers implements AutoCloseable {
    private final List<Runnable> closers = new ArrayList<>();
    private final Kernels kernels;
    private final Weight square;
    private final Weight gateUp;
    private final Weight norm;
    private final Tensor x;
    private final Tensor normed;
    private final Tensor hidden;
    private final Tensor scores;
    private final Tensor kept;
    private final Tensor out;
    private final Indices rows;
    private final Recording recording;

    Layers(Kernels kernels) {
      this.kernels = kernels;
      RandomData random = new RandomData("profile", DTYPE);
      square = own(weight(random, COLUMNS, COLUMNS), Weight::close);
      gateUp = own(weight(random, 2 * COLUMNS, COLUMNS), Weight::close);
      norm = own(weight(random, COLUMNS, 1), Weight::close);
      x = own(kernels.allocate(ROWS, COLUMNS), Tensor::close);
      normed = own(kernels.allocate(ROWS, COLUMNS), Tensor::close);
      hidden = own(kernels.allocate(ROWS, COLUMNS), Tensor::close);
      scores = own(kernels.allocate(DType.FLOAT32, 1, ROWS), Tensor::close);
      kept = own(kernels.allocate(KEPT, COLUMNS), Tensor::close);
      out = own(kernels.allocate(KEPT, COLUMNS), Tensor::close);
      rows = own(kernels.indices(new int[KEPT]), Indices::close);
      kernels.upload(random.normal(ROWS * COLUMNS, 1), x);
      kernels.upload(random.normal(ROWS, 1), scores);
      recording = own(kernels.record(this::run), Recording::close);
    }

    private <R> R own(R resource, Consumer<R> close) {
      closers.addFirst(() -> close.accept(resource));
      return resource;
    }

    private Weight weight(RandomData random, int outputs, int inputs) {
      float[] values = random.weights(DTYPE, outputs * inputs, 0.3);
      return kernels.weight(List.of(Stored.matrix(DTYPE, values, inputs)));
    }

    private void run() {
      kernels.rmsNorm(x, norm, 1e-5f, normed);
      kernels.linear(normed, square, null, Activation.NONE, hidden);
      kernels.swiGlu(hidden, gateUp, normed);
      kernels.copy(normed, hidden);
      kernels.selectTopK(scores, 0, ROWS, KEPT, rows, 0);
      kernels.gatherRows(hidden, rows, kept);
      kernels.linear(kept, square, null, Activation.QUICK_GELU, out);
    }

    float[] output() {
      kernels.upload(new float[KEPT * COLUMNS], out);
      recording.run();
      return kernels.download(out);
    }

    @Override
    public void close() {
      closers.forEach(Runnable::run);
    }
  }

  @ParameterizedTest
  @EnumSource(Profile.Order.class)
  void everyLaunchIsThereByItsNameInItsOrder(Profile.Order order) {
    CudaOptions portable = CudaOptions.defaults().withHopper(false);
    try (Kernels kernels = TestGpu.open(DTYPE, portable);
        Layers layers = new Layers(kernels)) {
      long nodes = TestGpu.isReal() ? 7 : TestGpu.hook("emulated_captured_nodes");
      for (Profile profile : layers.recording.profile(order, 3)) {
        assertThat(profile.order()).isEqualTo(order);
        assertThat(profile.launches())
            .hasSize((int) nodes)
            .extracting(Profile.Launch::kernel)
            .containsExactly(
                "rms_norm_bfloat16",
                "cublasLtMatmul",
                "swiglu_64x128_bfloat16",
                "copy",
                "select_top_k",
                "gather_rows_bfloat16",
                "streaming_bfloat16");
        assertThat(profile.launches())
            .extracting(Profile.Launch::product)
            .containsExactly(
                null,
                new Profile.Product(ROWS, COLUMNS, COLUMNS, DType.BFLOAT16),
                new Profile.Product(ROWS, COLUMNS, 2 * COLUMNS, DType.BFLOAT16),
                null,
                null,
                null,
                new Profile.Product(KEPT, COLUMNS, COLUMNS, DType.BFLOAT16));
        assertThat(profile.launches())
            .extracting(Profile.Launch::grid)
            .satisfies(grids -> assertThat(grids.get(4)).isEqualTo("1x1x1"))
            .satisfies(grids -> assertThat(grids.get(1)).isEmpty());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Profile.Order.class)
  void timesAreThoseOfOneRun(Profile.Order order) {
    try (Kernels kernels = TestGpu.open(DTYPE);
        Layers layers = new Layers(kernels)) {
      List<Profile> profiles = layers.recording.profile(order, 4);
      assertThat(profiles).hasSize(4);
      for (Profile profile : profiles) {
        assertThat(profile.plainMicros()).isFinite().isPositive();
        assertThat(profile.emptyMicros()).isFinite().isNotNegative();
        assertThat(profile.launches())
            .allSatisfy(launch -> assertThat(launch.micros()).isFinite().isNotNegative());
        assertThat(profile.launches()).anySatisfy(l -> assertThat(l.micros()).isPositive());
      }
      assertThat(profiles.stream().map(Profile::launches).distinct().count())
          .as("each run has its own times")
          .isGreaterThan(1);
    }
  }

  @ParameterizedTest
  @EnumSource(Profile.Order.class)
  void whatIsComputedStaysTheSameBitByBit(Profile.Order order) {
    try (Kernels kernels = TestGpu.open(DTYPE);
        Layers layers = new Layers(kernels)) {
      float[] expected = layers.output();
      kernels.upload(new float[KEPT * COLUMNS], layers.out);
      layers.recording.profile(order, 1);
      assertThat(kernels.download(layers.out)).as("by the profile").isEqualTo(expected);
      assertThat(layers.output()).as("behind it").isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @EnumSource(Profile.Order.class)
  void eventsAndTheirGraphGoWithTheProfile(Profile.Order order) {
    assumeFalse(TestGpu.isReal(), "only the emulation counts");
    try (Kernels kernels = TestGpu.open(DTYPE);
        Layers layers = new Layers(kernels)) {
      layers.output();
      layers.recording.profile(order, 1);
      long handles = TestGpu.hook("emulated_live_handles");
      long bytes = TestGpu.hook("emulated_live_bytes");
      for (int i = 0; i < 5; i++) {
        layers.recording.profile(order, 2);
      }
      assertThat(TestGpu.hook("emulated_live_handles")).isEqualTo(handles);
      assertThat(TestGpu.hook("emulated_live_bytes")).isEqualTo(bytes);
    }
  }

  @ParameterizedTest
  @EnumSource(Profile.Order.class)
  void aCallThatFailsEndsTheProfileAndNothingElse(Profile.Order order) {
    assumeFalse(TestGpu.isReal(), "a real GPU can't be broken on purpose");
    int outOfMemory = 2;
    try (Kernels kernels = TestGpu.open(DTYPE);
        Layers layers = new Layers(kernels)) {
      float[] expected = layers.output();
      long handles = TestGpu.hook("emulated_live_handles");
      int failures = 0;
      for (int call = 1; call <= 60; call++) {
        TestGpu.hook("emulated_fail_after", call, outOfMemory);
        try {
          layers.recording.profile(order, 1);
        } catch (DeviceException e) {
          assertThat(e).hasMessageContaining("the GPU failed");
          failures++;
          // A graph that can't be given back stays until the context goes.
          handles += String.valueOf(e.getMessage()).contains("cuGraphDestroy") ? 1 : 0;
        }
        TestGpu.hook("emulated_fail_after", 0, 0);
        assertThat(layers.output()).as("after call %d failed", call).isEqualTo(expected);
        assertThat(TestGpu.hook("emulated_live_handles"))
            .as("after call %d failed", call)
            .isEqualTo(handles);
      }
      assertThat(failures).isGreaterThan(30);
    }
  }

  @Test
  void aRecordingThatIsClosedHasNoProfile() {
    try (Kernels kernels = TestGpu.open(DTYPE);
        Layers layers = new Layers(kernels)) {
      layers.recording.close();
      assertThatIllegalStateException()
          .isThrownBy(() -> layers.recording.profile(Profile.Order.GRAPH, 1))
          .withMessageContaining("closed");
    }
  }

  @Test
  void whatIsDoneAnewEachTimeTellsNothing() {
    try (Kernels kernels = TestGpu.open(DTYPE, new CudaOptions(false, true));
        Recording recording = kernels.record(() -> {})) {
      assertThat(Arrays.asList(Profile.Order.values()))
          .allSatisfy(order -> assertThat(recording.profile(order, 3)).isEmpty());
    }
  }
}
