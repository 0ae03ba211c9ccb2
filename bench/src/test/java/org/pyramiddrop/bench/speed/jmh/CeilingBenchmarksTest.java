package org.pyramiddrop.bench.speed.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.kernels.DType;

class CeilingBenchmarksTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void readsEveryByteOnce(int streams) {
    try (Arena arena = Arena.ofConfined()) {
      int bytes = 1 << 14;
      MemorySegment memory = arena.allocate(3L * bytes, 64);
      for (int i = 0; i < 3 * bytes / 4; i++) {
        memory.setAtIndex(ValueLayout.JAVA_INT, i, 31 * i * i + 7 * i + 1);
      }
      int expected = 0;
      for (int i = bytes / 4; i < bytes / 2; i++) {
        expected += memory.getAtIndex(ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN), i);
      }
      assertThat(ReadBandwidthBenchmark.sum(memory, bytes, bytes, streams)).isEqualTo(expected);
    }
  }

  @Test
  void runsTheMultiplyAddsThatItCounts() {
    PeakBenchmark benchmark = new PeakBenchmark();
    benchmark.factor = 1;
    benchmark.summand = 3;
    // Ten chains that begin at 0 to 9 and grow by 3 a step, in every lane.
    int steps = 1000;
    assertThat(benchmark.chains(steps)).isEqualTo(45 + 10 * 3 * steps);
    double lanes = 1024;
    assertThat(PeakBenchmark.FLOPS % (2 * 10 * lanes)).isZero();
  }

  @Test
  void drawsTheSameNumbersForASeedAndNoZeros() {
    try (Arena arena = Arena.ofShared()) {
      for (DType dtype : DType.single()) {
        // Longer than a block, and not a multiple of eight bytes.
        long bytes = (1 << 21) + 12;
        MemorySegment first = arena.allocate(bytes, 8);
        MemorySegment second = arena.allocate(bytes, 8);
        RandomNumbers.fill(first, dtype, 0, 2, 5);
        RandomNumbers.fill(second, dtype, 0, 2, 5);
        assertThat(first.mismatch(second)).isEqualTo(-1);
        RandomNumbers.fill(second, dtype, 0, 2, 6);
        assertThat(first.mismatch(second)).isBetween(0L, 32L);
        double[] values = values(first, dtype);
        assertThat(values).doesNotContain(0);
        assertThat(Arrays.stream(values).min().orElseThrow()).isCloseTo(-2, within(0.01));
        assertThat(Arrays.stream(values).max().orElseThrow()).isCloseTo(2, within(0.01));
        assertThat(Arrays.stream(values).average().orElseThrow()).isCloseTo(0, within(0.01));
        assertThat(Arrays.stream(values).map(v -> v * v).average().orElseThrow())
            .isCloseTo(4 / 3.0, within(0.01));
      }
    }
  }

  private static double[] values(MemorySegment data, DType dtype) {
    double[] values = new double[(int) (data.byteSize() / dtype.bytes())];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (dtype) {
            case FLOAT32 -> data.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            case FLOAT16 -> Float.float16ToFloat(data.getAtIndex(ValueLayout.JAVA_SHORT, i));
            case BFLOAT16 -> Float.intBitsToFloat(data.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16);
            case INT8, INT4, FP8 -> throw dtype.notSingle();
          };
    }
    return values;
  }
}
