package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** Compares bits; NaN is one number, whatever its payload. */
class NumbersTest {
  @ParameterizedTest(name = "{0} rows")
  @ValueSource(ints = {1, StreamingProduct.MAX_ROWS + 1})
  void multipliesEveryBinary16NumberExactly(int rowsOfX) {
    int columns = 2 * Lanes.COUNT + 1;
    try (Arena arena = Arena.ofConfined();
        CpuKernels kernels = new CpuKernels(1)) {
      for (int place = 0; place < columns; place += 3) {
        MemorySegment rows = arena.allocate((2L * columns) << 16);
        for (int i = 0; i < 1 << 16; i++) {
          rows.set(Numbers.SHORT, 2 * ((long) i * columns + place), (short) i);
        }
        float[] ones = new float[rowsOfX * columns];
        for (int r = 0; r < rowsOfX; r++) {
          ones[r * columns + place] = 1;
        }
        try (Tensor x = kernels.allocate(rowsOfX, columns);
            Tensor out = kernels.allocate(rowsOfX, 1 << 16);
            Weight w =
                kernels.weight(List.of(new HostMatrix(DType.FLOAT16, rows, 1 << 16, columns)))) {
          kernels.upload(ones, x);
          kernels.linear(x, w, null, Activation.NONE, out);
          float[] sums = kernels.download(out);
          for (int i = 0; i < sums.length; i++) {
            // Compared as objects, NaN equals itself; adding zero makes one of both zeros.
            if (Float.compare(sums[i] + 0f, Float.float16ToFloat((short) i) + 0f) != 0) {
              throw new AssertionError("0x%04x at %d became %s".formatted(i, place, sums[i]));
            }
          }
        }
      }
    }
  }

  @Test
  void widensEveryBfloat16Number() {
    assertThat(each(i -> Float.floatToRawIntBits(Numbers.bfloat16((short) i))))
        .isEqualTo(each(i -> i << 16));
  }

  private static int[] each(IntUnaryOperator number) {
    int[] numbers = new int[1 << 16];
    Arrays.setAll(numbers, number);
    return numbers;
  }
}
