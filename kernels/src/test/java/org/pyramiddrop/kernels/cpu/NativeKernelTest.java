package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.kernels.Blocks;
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

  /** On a processor that has everything, whatever this one has. */
  @Test
  void leavesEightBitFloatsToTheVectorApi() {
    NativeLibrary library = new NativeLibrary(_ -> Optional.empty(), -1);
    assertThat(library.streaming(DType.FP8)).isEmpty();
    assertThat(library.matmul(DType.FP8)).isEmpty();
  }

  private void multiplies(NativeKernel kernel, DType dtype, int rows, int inputs, int columns) {
    float[] x = numbers(rows * inputs);
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
      MemorySegment addresses = memory.before(8L * kernel.planes() * columns);
      // What is multiplied, and what rounding errors grow with: the same, but where there are
      // zeros.
      float[] w = new float[columns * inputs];
      float[] sizes = new float[columns * inputs];
      if (dtype.inBlocks()) {
        blocks(new Blocks(dtype, columns, inputs), memory, addresses, w, sizes);
      } else {
        single(dtype, columns, memory, addresses, w, sizes);
      }
      MemorySegment panels = memory.before((long) kernel.panelBytes() * stride);
      MemorySegment sums = memory.before(4L * rows * stride);
      for (int i = 0; i < rows * stride; i++) {
        sums.set(FLOAT, 4L * i, Float.NaN);
      }
      kernel.multiply(packed, rows, height, inputs, addresses, columns, panels, sums);
      float[] exact =
          kernel.panelBytes() == 0
              ? TestLibrary.streamed(dtype, inputs, x)
              : TestLibrary.rounded(dtype, inputs, x);
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
          double sum = 0;
          double scale = 0;
          for (int i = 0; i < inputs; i++) {
            double term = (double) exact[r * inputs + i] * w[c * inputs + i];
            sum += term;
            scale += Math.abs((double) exact[r * inputs + i] * sizes[c * inputs + i]);
          }
          assertThat((double) sums.get(FLOAT, 4L * (r * stride + c)))
              .as("%s, %d x %d, seed %d: (%d, %d)", dtype, inputs, columns, SEED, r, c)
              .isBetween(sum - 1e-5 * scale, sum + 1e-5 * scale);
        }
      }
    }
  }

  /** Weight rows, each at one of two ends of memory, and their addresses. */
  private void single(
      DType dtype,
      int columns,
      GuardedMemory memory,
      MemorySegment addresses,
      float[] w,
      float[] sizes) {
    System.arraycopy(numbers(w.length), 0, w, 0, w.length);
    System.arraycopy(w, 0, sizes, 0, w.length);
    place(Stored.matrix(dtype, w, w.length / columns).data(), columns, memory, addresses);
  }

  /** The same in blocks, of which each plane is in memory of its own. */
  private void blocks(
      Blocks blocks, GuardedMemory memory, MemorySegment addresses, float[] w, float[] sizes) {
    int rows = blocks.rows();
    MemorySegment data = Arena.ofAuto().allocate(blocks.bytes());
    for (int r = 0; r < rows; r++) {
      for (int b = 0; b < blocks.perRow(); b++) {
        blocks.scale(data, r, b, random.nextFloat(-2, 2));
        if (blocks.dtype() == DType.INT4) {
          blocks.zero(data, r, b, random.nextInt(16));
        }
      }
      for (int c = 0; c < blocks.columns(); c++) {
        boolean bytes = blocks.dtype() == DType.INT8;
        blocks.number(data, r, c, bytes ? random.nextInt(-128, 128) : random.nextInt(16));
      }
    }
    long scales = rows * blocks.scaleBytes();
    place(data.asSlice(0, rows * blocks.numberBytes()), rows, memory, addresses);
    place(data.asSlice(blocks.scales(), scales), rows, memory, addresses.asSlice(8L * rows));
    if (blocks.dtype() == DType.INT4) {
      long zeros = rows * blocks.zeroBytes();
      place(data.asSlice(blocks.zeros(), zeros), rows, memory, addresses.asSlice(16L * rows));
    }
    for (int i = 0; i < w.length; i++) {
      int r = i / blocks.columns();
      int c = i % blocks.columns();
      int b = c / Blocks.SIZE;
      w[i] = blocks.value(data, r, c);
      int both = Math.abs(blocks.number(data, r, c)) + blocks.zero(data, r, b);
      sizes[i] = blocks.scale(data, r, b) * both;
    }
  }

  private void place(MemorySegment plane, int rows, GuardedMemory memory, MemorySegment addresses) {
    MemorySegment end = memory.before(plane.byteSize()).copyFrom(plane);
    MemorySegment start = memory.behind(plane.byteSize()).copyFrom(plane);
    for (int r = 0; r < rows; r++) {
      MemorySegment from = random.nextBoolean() ? end : start;
      long at = from.address() + plane.byteSize() / rows * r;
      addresses.set(ValueLayout.JAVA_LONG_UNALIGNED, 8L * r, at);
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
