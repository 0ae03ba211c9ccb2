package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Kernels with planted faults (planted.cu), and their correct twins, over many seeds. */
class EmulationTest {
  private static final int SEEDS = 36;
  private static final int THREADS = 256;
  private static final int COUNT = 4 * THREADS;

  /** Of the launches in which blocks wait for each other's work; others have one. */
  private static final int BLOCKS = 4;

  /** 128 rows of 128 bytes, and what comes before a multiple of 1024. */
  private static final int BOX_BYTES = 17 << 10;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "race",
        "missing_barrier",
        "missing_wait",
        "missing_box_wait",
        "missing_product_wait",
        "last_block",
        "early_end",
        "early_store",
        "late_store"
      })
  void findsWhatDependsOnTheOrderOfThreads(String fault) {
    assertThat(outcomes("planted_" + fault)).hasSizeGreaterThan(1);
  }

  @Test
  void findsWhatIsReadBehindMemory() {
    assumeFalse(Emulated.sanitized(), "a sanitizer ends the process here; see SanitizedTest");
    assertThat(outcomes("planted_global_read")).doesNotContain(expected("global_read"));
    // The guard behind an allocation, a NaN for floats of any size.
    assertThat(outcomes("planted_global_read"))
        .allMatch(outcome -> outcome.endsWith(", %d]".formatted(0xffa5ffa5)));
  }

  @ParameterizedTest
  @CsvSource({
    "divergent_barrier, threads of a block meet at different barriers",
    "missing_lanes, a warp waits for lanes that never come: 0x00000008",
    "misaligned, multiple",
    "missing_arrival, 256 threads wait for a barrier in shared memory whose phase never ends",
  })
  void namesWhatNoGpuWouldLetPass(String fault, String text) {
    assertThat(outcomes("planted_" + fault))
        .allMatch(outcome -> outcome.startsWith("719 planted_" + fault))
        .allMatch(outcome -> outcome.contains(text));
  }

  @ParameterizedTest
  @CsvSource({"early_end, ended", "late_store, ended", "early_store, not begun"})
  void namesWhatReachesABlockThatIsNotThere(String fault, String state) {
    assertThat(outcomes("planted_" + fault))
        .anyMatch(outcome -> outcome.contains("shared memory of a block that has " + state));
  }

  @Test
  void refusesBlocksThatAreNoWholeClusters() {
    try (EmulatedGpu gpu = new EmulatedGpu(0)) {
      long function = gpu.function("correct_early_end");
      MemorySegment arguments = gpu.arguments(0, gpu.upload(new int[THREADS]), THREADS);
      assertThat(gpu.launch(function, arguments, 3, THREADS, BOX_BYTES)).isEqualTo(1);
      assertThat(gpu.error()).contains("3 blocks are no whole clusters of 2");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "global_write, 700, a write 0 bytes behind the end of device memory of 1024 bytes",
    "shared_write, 719, a write behind the block's shared memory",
  })
  void namesWritesBesideMemory(String fault, int status, String text) {
    assumeFalse(Emulated.sanitized(), "a sanitizer ends the process here; see SanitizedTest");
    assertThat(outcomes("planted_" + fault))
        .allMatch(outcome -> outcome.startsWith(status + " planted_" + fault))
        .allMatch(outcome -> outcome.contains(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "race",
        "missing_barrier",
        "missing_wait",
        "missing_box_wait",
        "missing_product_wait",
        "missing_arrival",
        "last_block",
        "early_end",
        "store",
        "divergent_barrier",
        "missing_lanes",
        "global_read",
        "global_write",
        "shared_write"
      })
  void leavesTheCorrectTwinAlone(String fault) {
    assertThat(outcomes("correct_" + fault)).containsExactly(expected(fault));
  }

  /** The different results or errors of a kernel. */
  private static Set<String> outcomes(String kernel) {
    return LongStream.range(0, SEEDS)
        .mapToObj(seed -> outcome(kernel, seed))
        .collect(Collectors.toSet());
  }

  private static String outcome(String kernel, long seed) {
    String fault = kernel.substring(kernel.indexOf('_') + 1);
    int written =
        switch (fault) {
          case "race", "missing_barrier" -> 1;
          case "missing_wait", "missing_box_wait" -> COUNT;
          case "last_block" -> 2 + BLOCKS;
          default -> THREADS;
        };
    int read = fault.equals("global_read") ? THREADS : COUNT;
    int sharedBytes =
        switch (fault) {
          case "missing_wait" -> 4 * COUNT;
          case "missing_box_wait", "missing_product_wait", "missing_arrival", "early_end" ->
              BOX_BYTES;
          default -> 4 * THREADS;
        };
    try (EmulatedGpu gpu = new EmulatedGpu(seed)) {
      long in = gpu.upload(IntStream.range(0, read).toArray());
      long out = gpu.upload(new int[written]);
      int blocks =
          switch (fault) {
            case "last_block" -> BLOCKS;
            case "early_end", "early_store", "late_store", "store" -> 2;
            default -> 1;
          };
      int status =
          gpu.launch(
              gpu.function(kernel), gpu.arguments(in, out, THREADS), blocks, THREADS, sharedBytes);
      if (status == 0) {
        status = gpu.call("cuStreamSynchronize", gpu.stream());
      }
      return status == 0 ? Arrays.toString(gpu.download(out, written)) : status + " " + gpu.error();
    }
  }

  /** What the twin of each fault writes. */
  private static String expected(String fault) {
    int[] numbers =
        switch (fault) {
          case "race" -> new int[] {2};
          case "missing_barrier" -> new int[] {THREADS * (THREADS - 1) / 2};
          case "missing_wait", "missing_box_wait" -> IntStream.range(0, COUNT).toArray();
          case "missing_product_wait" -> IntStream.range(0, THREADS).map(i -> 16).toArray();
          case "last_block" -> new int[] {0 + 1 + 2 + 3, 0, 0, 1, 2, 3};
          case "divergent_barrier", "missing_arrival", "early_end" ->
              IntStream.range(0, THREADS).map(i -> 1).toArray();
          // The first warp's first lane has a 0, which is no vote.
          case "missing_lanes" -> IntStream.range(0, THREADS).map(i -> i < 32 ? -2 : -1).toArray();
          case "global_read", "global_write", "store" -> IntStream.range(0, THREADS).toArray();
          case "shared_write" -> IntStream.range(0, THREADS).map(i -> THREADS - 1 - i).toArray();
          default -> throw new IllegalArgumentException(fault);
        };
    return Arrays.toString(numbers);
  }
}
