package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Checked;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/**
 * What happens when a GPU is missing, too old, full or lost; only an emulated one can be made so.
 */
class CudaFaultsTest {
  private static final int OUT_OF_MEMORY = 2;
  private static final int NOT_READY = 600;
  private static final int ILLEGAL_ADDRESS = 700;
  private static final int LAUNCH_FAILED = 719;

  private static final int MANY_CALLS = 1_000_000;

  /** For each error that calls fail with. */
  private static final Duration BUDGET = Duration.ofSeconds(5);

  @BeforeEach
  void emulate() {
    assumeFalse(TestGpu.isReal(), "a real GPU can't be broken on purpose");
    TestGpu.prepare();
    TestGpu.hook("emulated_reset");
  }

  @AfterEach
  void restore() {
    if (!TestGpu.isReal()) {
      TestGpu.hook("emulated_reset");
      TestGpu.prepare();
    }
  }

  private static Kernels open() {
    return TestGpu.open(DType.BFLOAT16);
  }

  @Test
  void saysWhatTheGpuIs() {
    assertThat(new CudaProvider().missing()).isEmpty();
    assertThat(new CudaProvider().description())
        .contains("compute capability", "GiB", "driver for CUDA");
  }

  @Test
  void eachMissingPieceHasItsOwnSentence() {
    TestGpu.hook("emulated_devices", 0);
    assertThat(new CudaProvider().missing()).get().asString().contains("sees no GPU");
    TestGpu.hook("emulated_reset");
    TestGpu.hook("emulated_compute_capability", 75);
    assertThat(new CudaProvider().missing()).get().asString().contains("too old", "7.5", "8.0");
    TestGpu.hook("emulated_reset");
    TestGpu.hook("emulated_driver_version", 12080);
    assertThat(new CudaProvider().missing()).get().asString().contains("driver is too old", "12.8");
    TestGpu.hook("emulated_reset");
    System.setProperty("pyramiddrop.cuda.cublasLt", "/nonexistent/libcublasLt.so");
    assertThat(new CudaProvider().missing()).get().asString().contains("cuBLASLt");
    TestGpu.prepare();
    System.setProperty("pyramiddrop.cuda.driver", "/nonexistent/libcuda.so");
    assertThat(new CudaProvider().missing())
        .get()
        .asString()
        .contains("driver")
        .doesNotContain("cuBLAS");
    TestGpu.prepare();
    System.setProperty(CudaProvider.KERNELS_PROPERTY, "/nonexistent/kernels.fatbin");
    assertThat(new CudaProvider().missing())
        .get()
        .asString()
        .contains("no CUDA kernels", "make kernels");
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(CudaFaultsTest::open)
        .withMessageContaining("no CUDA kernels");
  }

  @Test
  void aFullGpuNamesWhatWasAskedForAndGivesBackWhatWasTaken() {
    TestGpu.hook("emulated_memory", 100L << 20);
    try (Kernels kernels = open()) {
      try (Tensor first = kernels.allocate(1 << 10, 10 << 10)) {
        assertThatExceptionOfType(DeviceException.class)
            .isThrownBy(() -> kernels.allocate(1 << 10, 40 << 10))
            .withMessageContaining("80.0 MiB")
            .withMessageContaining("of 100.0 MiB are free");
        assertThat(first.rows()).isEqualTo(1 << 10);
      }
      // What lies idle makes room for another size.
      kernels.allocate(1 << 10, 30 << 10).close();
    }
    assertNothingIsLeft();
  }

  @Test
  void aFullGpuCanStillRecordOnceWhatLiesIdleIsGivenBack() {
    TestGpu.hook("emulated_memory", 100L << 20);
    try (Kernels kernels = open();
        Tensor out = kernels.allocate(1, 10 << 10)) {
      kernels.allocate(1 << 10, 25 << 10).close();
      try (Recording recording =
          kernels.record(() -> {
            try (Tensor scratch = kernels.allocate(1 << 10, 20 << 10)) {
              kernels.copy(scratch.rows(0, 1).rows(0, 0), out.rows(0, 0));
            } catch (IllegalArgumentException e) {
              // The widths differ on purpose: only the memory matters here.
              assertThat(e).hasMessageContaining("columns");
            }
          })) {
        recording.run();
      }
    }
    assertNothingIsLeft();
  }

  @Test
  void aClosedRecordingGivesItsMemoryBack() {
    TestGpu.hook("emulated_memory", 150L << 20);
    try (Kernels kernels = open();
        Tensor out = kernels.allocate(1, 16)) {
      for (int megabytes : new int[] {20, 30, 40, 50, 60}) {
        try (Recording recording = kernels.record(() -> throughScratch(kernels, megabytes, out));
            Recording other = kernels.record(() -> throughScratch(kernels, megabytes, out))) {
          recording.run();
          other.run();
        }
      }
      kernels.allocate(70 << 10, 512).close();
    }
    assertNothingIsLeft();
  }

  private static void throughScratch(Kernels kernels, int megabytes, Tensor out) {
    try (Tensor scratch = kernels.allocate(megabytes << 15, 16)) {
      kernels.copy(scratch.rows(0, 1), out);
    }
  }

  @Test
  void oneModelMayCloseWhileAnotherRecords() {
    try (Kernels kernels = open();
        Tensor x = kernels.allocate(1, 4);
        Tensor out = kernels.allocate(1, 4)) {
      kernels.upload(new float[] {1, 2, 3, 4}, x);
      Kernels other = open();
      Tensor theirs = other.allocate(64, 64);
      try (Recording recording =
          kernels.record(() -> {
            theirs.close();
            other.close();
            kernels.copy(x, out);
          })) {
        recording.run();
        assertThat(kernels.download(out)).containsExactly(1, 2, 3, 4);
      }
    }
    assertNothingIsLeft();
  }

  @Test
  void tilesFitGpusWithLittleSharedMemory() {
    TestGpu.hook("emulated_compute_capability", 86);
    try (Kernels kernels = open();
        Tensor x = kernels.allocate(512, 64);
        Tensor out = kernels.allocate(512, 256);
        Weight w =
            kernels.weight(List.of(Stored.matrix(DType.BFLOAT16, new float[512 * 64], 64)))) {
      kernels.upload(new float[512 * 64], x);
      kernels.swiGlu(x, w, out);
      kernels.linear(x, w.rows(0, 256), null, Activation.GELU, out);
      assertThat(kernels.download(out)).containsOnly(0);
    }
  }

  @Test
  void aLostGpuIsOneClearErrorAndNothingHangs() {
    Kernels kernels = open();
    Tensor x = kernels.allocate(4, 64);
    Tensor out = kernels.allocate(4, 64);
    Weight w = kernels.weight(List.of(Stored.matrix(DType.BFLOAT16, new float[64 * 64], 64)));
    TestGpu.hook("emulated_fail_after", 1, LAUNCH_FAILED);
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(() -> {
          kernels.linear(x, w, null, Activation.NONE, out);
          kernels.download(out);
        })
        .withMessageContaining("the GPU failed")
        .withMessageContaining("CUDA_ERROR_LAUNCH_FAILED");
    for (ThrowingCallable next :
        List.<ThrowingCallable>of(
            () -> kernels.download(out),
            () -> kernels.allocate(1, 1),
            () -> kernels.record(() -> kernels.copy(x, out)))) {
      assertThatExceptionOfType(DeviceException.class)
          .isThrownBy(next)
          .withMessageContaining("the GPU is lost to this process")
          .withMessageContaining("CUDA_ERROR_LAUNCH_FAILED");
    }
    w.close();
    x.close();
    kernels.close();
    kernels.close();
    assertNothingIsLeft();
  }

  /** The call of each number fails, in any order, as long as the budget lasts. */
  @ParameterizedTest
  @ValueSource(ints = {OUT_OF_MEMORY, NOT_READY, ILLEGAL_ADDRESS, LAUNCH_FAILED})
  void everyFaultIsOneErrorAndWhatFollowsIsRight(int error) {
    long seed = Long.getLong("pyramiddrop.seed", System.nanoTime());
    TestGpu.hook("emulated_fail_after", MANY_CALLS, error);
    float[] answer = new FaultyRun(false).run();
    int calls = MANY_CALLS - (int) TestGpu.hook("emulated_calls_to_failure");
    assertThat(calls).isBetween(100, 10_000);
    List<Integer> order = new ArrayList<>(IntStream.rangeClosed(1, calls).boxed().toList());
    Collections.shuffle(order, new Random(seed));
    long end = System.nanoTime() + BUDGET.toNanos();
    int tried = 0;
    while (tried < calls && System.nanoTime() < end) {
      int call = order.get(tried);
      TestGpu.hook("emulated_reset");
      TestGpu.hook("emulated_quiet", 1);
      TestGpu.hook("emulated_seed", seed + call);
      TestGpu.hook("emulated_fail_after", call, error);
      try {
        assertThat(new FaultyRun(error >= ILLEGAL_ADDRESS).run()).isEqualTo(answer);
        assertThat(TestGpu.hook("emulated_calls_to_failure")).isZero();
        assertNothingIsLeft();
      } catch (RuntimeException | AssertionError e) {
        throw new AssertionError(
            "call %d of %d fails with %d, seed %d".formatted(call, calls, error, seed), e);
      }
      tried++;
    }
    System.out.printf("%d of %d calls failed with %d, seed %d%n", tried, calls, error, seed);
    assertThat(tried).isGreaterThanOrEqualTo(3);
  }

  @Test
  void aFaultWhileOpeningLeavesNothingBehind() {
    for (int calls = 1; calls <= 40; calls++) {
      TestGpu.hook("emulated_reset");
      TestGpu.hook("emulated_fail_after", calls, 2);
      try (Kernels kernels = open()) {
        assertThat(kernels.description()).startsWith("cuda");
      } catch (DeviceException e) {
        assertThat(e).hasMessageMatching("(?s).*(OUT_OF_MEMORY|can't be used|no room).*");
      }
      TestGpu.hook("emulated_fail_after", 0, 0);
      assertNothingIsLeft();
    }
  }

  @Test
  void keepsNothingAfterManyRequests() {
    CudaKernels device = CudaProvider.open(DType.BFLOAT16, CudaOptions.defaults());
    try (Kernels kernels = Checked.over(device)) {
      Tensor x = kernels.allocate(3, 64);
      long handles = 0;
      long bytes = 0;
      for (int i = 0; i < 1000; i++) {
        try (Tensor a = kernels.allocate(3, 64);
            Tensor b = kernels.allocate(1 + i % 7, 16);
            Recording recording =
                kernels.record(() -> {
                  try (Tensor scratch = kernels.allocate(3, 64)) {
                    kernels.copy(x, scratch);
                    kernels.copy(scratch, a);
                  }
                })) {
          recording.run();
          assertThat(b.rows()).isPositive();
        }
        if (i == 20) {
          handles = TestGpu.hook("emulated_live_handles");
          bytes = TestGpu.hook("emulated_live_bytes");
        }
      }
      assertThat(TestGpu.hook("emulated_live_handles")).isEqualTo(handles);
      assertThat(TestGpu.hook("emulated_live_bytes")).isEqualTo(bytes);
      x.close();
      assertThat(device.bytesInUse()).isZero();
    }
    assertNothingIsLeft();
  }

  @Test
  void aRecordingIsOneLaunch() {
    try (Kernels kernels = open();
        Tensor x = kernels.allocate(3, 64);
        Tensor out = kernels.allocate(3, 64);
        Recording recording =
            kernels.record(() -> {
              for (int i = 0; i < 50; i++) {
                kernels.copyColumns(x, out, 0);
              }
            })) {
      long launches = TestGpu.hook("emulated_launches");
      long graphs = TestGpu.hook("emulated_graph_launches");
      recording.run();
      recording.run();
      assertThat(TestGpu.hook("emulated_graph_launches") - graphs).isEqualTo(2);
      assertThat(TestGpu.hook("emulated_launches")).isEqualTo(launches);
    }
  }

  private static void assertNothingIsLeft() {
    assertThat(TestGpu.hook("emulated_live_bytes")).as("device memory").isZero();
    assertThat(TestGpu.hook("emulated_live_handles")).as("handles").isZero();
  }
}
