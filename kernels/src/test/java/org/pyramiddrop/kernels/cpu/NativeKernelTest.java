package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Stored;

/**
 * Native kernels called as {@link NativeProducts} calls them, in memory that shows stray accesses.
 */
class NativeKernelTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final long SEED = System.nanoTime();

  private final Random random = new Random(SEED);

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 12, 13, 25, 38})
  void touchesNothingBesideItsMemory(int rows) {
    NativeLibrary library = TestLibrary.open();
    for (int features : new int[] {NativeLibrary.AVX2, -1}) {
      NativeLibrary used = library.limitedTo(features);
      for (DType dtype : DType.values()) {
        Optional<NativeKernel> kernel =
            rows <= StreamingProduct.MAX_ROWS ? used.streaming(dtype) : used.matmul(dtype);
        for (int inputs : new int[] {1, 2, 15, 31, 33, 64, 321, 1023, 1025, 2050}) {
          kernel.ifPresent(k -> multiplies(k, dtype, rows, inputs, random.nextInt(1, 140)));
        }
      }
    }
  }

  private void multiplies(NativeKernel kernel, DType dtype, int rows, int inputs, int columns) {
    float[] x = numbers(rows * inputs);
    float[] w = numbers(columns * inputs);
    int height = Math.ceilDiv(rows, Math.ceilDiv(rows, kernel.tileRows()));
    int stride = Math.ceilDiv(columns, NativeKernel.PANEL) * NativeKernel.PANEL;
    int rowBytes = kernel.packedBytes().applyAsInt(inputs);
    try (GuardedMemory memory = new GuardedMemory()) {
      MemorySegment packed = memory.before((long) rows * rowBytes);
      for (int r = 0; r < rows; r += height) {
        int count = Math.min(height, rows - r);
        MemorySegment tile = memory.before(4L * count * inputs);
        MemorySegment.copy(x, r * inputs, tile, FLOAT, 0, count * inputs);
        kernel.pack(tile, count, inputs, packed.asSlice((long) r * rowBytes));
      }
      MemorySegment matrix = Stored.matrix(dtype, w, inputs).data();
      MemorySegment end = memory.before(matrix.byteSize()).copyFrom(matrix);
      MemorySegment start = memory.behind(matrix.byteSize()).copyFrom(matrix);
      MemorySegment addresses = memory.before(8L * columns);
      for (int c = 0; c < columns; c++) {
        MemorySegment from = random.nextBoolean() ? end : start;
        long at = from.address() + matrix.byteSize() / columns * c;
        addresses.set(ValueLayout.JAVA_LONG_UNALIGNED, 8L * c, at);
      }
      MemorySegment panels = memory.before((long) kernel.panelBytes() * stride);
      MemorySegment sums = memory.before(4L * rows * stride);
      for (int i = 0; i < rows * stride; i++) {
        sums.set(FLOAT, 4L * i, Float.NaN);
      }
      kernel.multiply(packed, rows, height, inputs, addresses, columns, panels, sums);
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
          double sum = 0;
          double scale = 0;
          for (int i = 0; i < inputs; i++) {
            double term = (double) x[r * inputs + i] * w[c * inputs + i];
            sum += term;
            scale += Math.abs(term);
          }
          assertThat((double) sums.get(FLOAT, 4L * (r * stride + c)))
              .as("%s, %d x %d, seed %d: (%d, %d)", dtype, inputs, columns, SEED, r, c)
              .isBetween(sum - 1e-5 * scale, sum + 1e-5 * scale);
        }
      }
    }
  }

  /** Numbers that bfloat16 has, so that nothing is rounded. */
  private float[] numbers(int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = Stored.round(DType.BFLOAT16, (float) random.nextGaussian());
    }
    return numbers;
  }
}
