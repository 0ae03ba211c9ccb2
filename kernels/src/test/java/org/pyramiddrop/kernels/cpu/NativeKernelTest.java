package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
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
  @ValueSource(ints = {1, 2, 3, 4, 5, 12, 13, 25, 38, 130})
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

  /**
   * A block's sum is exact, and each is scaled once, in their order: products of many rows by
   * blocks have the same bits on all processors.
   */
  @ParameterizedTest
  @EnumSource(names = {"INT8", "INT4"})
  void scalesTheExactSumOfEachBlockOnce(DType dtype) {
    NativeLibrary library = TestLibrary.open();
    for (int features : new int[] {NativeLibrary.AVX2, -1}) {
      NativeKernel kernel = library.limitedTo(features).matmul(dtype).orElseThrow();
      for (int inputs : new int[] {1, 32, 47, 95, 250, 512, 545, 1030, 1100}) {
        scalesOnce(kernel, dtype, random.nextInt(17, 45), inputs, random.nextInt(1, 140));
      }
    }
  }

  private void scalesOnce(NativeKernel kernel, DType dtype, int rows, int inputs, int columns) {
    Blocks blocks = new Blocks(dtype, columns, inputs);
    // What fills a row's last block up is of any kind.
    byte[] poison = new byte[(int) blocks.bytes()];
    random.nextBytes(poison);
    MemorySegment data =
        Arena.ofAuto().allocate(blocks.bytes()).copyFrom(MemorySegment.ofArray(poison));
    for (int c = 0; c < columns; c++) {
      for (int b = 0; b < blocks.perRow(); b++) {
        unusualBlock(blocks, data, c, b);
      }
    }
    float[] x = new float[rows * inputs];
    for (int r = 0; r < rows; r++) {
      for (int from = 0; from < inputs; from += Blocks.SIZE) {
        unusualInputs(x, r * inputs + from, r * inputs + Math.min(from + Blocks.SIZE, inputs));
      }
    }
    try (GuardedMemory memory = new GuardedMemory()) {
      MemorySegment addresses = memory.before(8L * kernel.planes() * columns);
      place(blocks, data, memory, addresses);
      float[] sums = sums(kernel, x, rows, inputs, addresses, columns, memory);
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
          float expected = scaledOnce(blocks, data, c, x, r * inputs);
          assertThat(Float.floatToIntBits(sums[r * columns + c]))
              .as("%s, %d x %d, seed %d: (%d, %d)", dtype, inputs, columns, SEED, r, c)
              .isEqualTo(Float.floatToIntBits(expected));
        }
      }
    }
  }

  /** The sum of a row of x, from a place on, and a weight row. */
  private static float scaledOnce(Blocks blocks, MemorySegment data, int row, float[] x, int at) {
    float sum = 0;
    for (int b = 0; b < blocks.perRow(); b++) {
      int from = b * Blocks.SIZE;
      int end = Math.min(from + Blocks.SIZE, blocks.columns());
      float most = 0;
      for (int i = from; i < end; i++) {
        most = Math.max(most, Math.abs(x[at + i]));
      }
      boolean finite = most < Float.POSITIVE_INFINITY;
      boolean some = finite && most >= 0x1p-100f;
      int exact = 0;
      for (int i = from; i < end && some; i++) {
        int number = blocks.number(data, row, i) - blocks.zero(data, row, b);
        exact += (int) Math.rint(x[at + i] * (127 / most)) * number;
      }
      float scale = some ? most / 127 : finite ? 0 : Float.NaN;
      sum = Math.fma((float) exact, blocks.scale(data, row, b) * scale, sum);
    }
    return sum;
  }

  /** Often all numbers as far from zero as can be, to one side. */
  private void unusualBlock(Blocks blocks, MemorySegment data, int row, int block) {
    float usual = random.nextFloat(-2, 2);
    float[] scales = {usual, usual, usual, 0, 65504, 0x1p-24f};
    blocks.scale(data, row, block, scales[random.nextInt(scales.length)]);
    boolean bytes = blocks.dtype() == DType.INT8;
    int least = bytes ? -128 : 0;
    int most = bytes ? 127 : 15;
    int kind = random.nextInt(4);
    if (!bytes) {
      blocks.zero(data, row, block, kind == 0 ? most : kind == 1 ? 0 : random.nextInt(16));
    }
    int end = Math.min((block + 1) * Blocks.SIZE, blocks.columns());
    for (int i = block * Blocks.SIZE; i < end; i++) {
      int any = random.nextInt(least, most + 1);
      blocks.number(data, row, i, kind == 0 ? least : kind == 1 ? most : any);
    }
  }

  /** Often all numbers the largest, and now and then none, too small ones, or not finite. */
  private void unusualInputs(float[] x, int from, int end) {
    int kind = random.nextInt(40);
    float size = (float) Math.exp(random.nextGaussian());
    for (int i = from; i < end; i++) {
      x[i] =
          switch (kind) {
            case 0 -> 0;
            case 1 -> -0x1p-101f;
            case 2 -> random.nextFloat(-1, 1) * 0x1p-99f;
            case 3, 4, 5, 6, 7 -> size;
            case 8, 9, 10, 11, 12 -> -size;
            case 13, 14 -> random.nextBoolean() ? size : -size;
            default -> size * (float) random.nextGaussian();
          };
    }
    if (kind == 15) {
      float[] odd = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};
      x[random.nextInt(from, end)] = odd[random.nextInt(odd.length)];
    }
  }

  private void multiplies(NativeKernel kernel, DType dtype, int rows, int inputs, int columns) {
    float[] x = numbers(rows * inputs);
    try (GuardedMemory memory = new GuardedMemory()) {
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
      float[] sums = sums(kernel, x, rows, inputs, addresses, columns, memory);
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
          assertThat((double) sums[r * columns + c])
              .as("%s, %d x %d, seed %d: (%d, %d)", dtype, inputs, columns, SEED, r, c)
              .isBetween(sum - 1e-5 * scale, sum + 1e-5 * scale);
        }
      }
    }
  }

  /** Multiplies what is at the addresses, all memory beside it between pages that are guarded. */
  private static float[] sums(
      NativeKernel kernel,
      float[] x,
      int rows,
      int inputs,
      MemorySegment addresses,
      int columns,
      GuardedMemory memory) {
    int height = Math.ceilDiv(rows, Math.ceilDiv(rows, kernel.tileRows()));
    int stride = Math.ceilDiv(columns, NativeKernel.PANEL) * NativeKernel.PANEL;
    int rowBytes = kernel.packedBytes().applyAsInt(inputs);
    MemorySegment packed = memory.before((long) rows * rowBytes);
    for (int r = 0; r < rows; r += height) {
      int count = Math.min(height, rows - r);
      MemorySegment tile = memory.before(4L * count * inputs);
      MemorySegment.copy(x, r * inputs, tile, FLOAT, 0, count * inputs);
      kernel.pack(tile, count, inputs, packed.asSlice((long) r * rowBytes));
    }
    MemorySegment panels = memory.before((long) kernel.panelBytes() * stride);
    MemorySegment sums = memory.before(4L * rows * stride);
    for (int i = 0; i < rows * stride; i++) {
      sums.set(FLOAT, 4L * i, Float.NaN);
    }
    kernel.multiply(packed, rows, height, inputs, addresses, columns, panels, sums);
    float[] all = new float[rows * columns];
    for (int r = 0; r < rows; r++) {
      MemorySegment.copy(sums, FLOAT, 4L * r * stride, all, r * columns, columns);
    }
    return all;
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
    place(blocks, data, memory, addresses);
    for (int i = 0; i < w.length; i++) {
      int r = i / blocks.columns();
      int c = i % blocks.columns();
      int b = c / Blocks.SIZE;
      w[i] = blocks.value(data, r, c);
      int both = Math.abs(blocks.number(data, r, c)) + blocks.zero(data, r, b);
      sizes[i] = blocks.scale(data, r, b) * both;
    }
  }

  private void place(
      Blocks blocks, MemorySegment data, GuardedMemory memory, MemorySegment addresses) {
    int rows = blocks.rows();
    long scales = rows * blocks.scaleBytes();
    place(data.asSlice(0, rows * blocks.numberBytes()), rows, memory, addresses);
    place(data.asSlice(blocks.scales(), scales), rows, memory, addresses.asSlice(8L * rows));
    if (blocks.dtype() == DType.INT4) {
      long zeros = rows * blocks.zeroBytes();
      place(data.asSlice(blocks.zeros(), zeros), rows, memory, addresses.asSlice(16L * rows));
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
