package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.pyramiddrop.kernels.DType;

/**
 * Packs four weight rows at a time into a panel: widens them and transposes them, so that the four
 * numbers of each input lie side by side.
 *
 * <p>4 × 4 ints are transposed in registers, whatever the machine's vector width; an int is one
 * float32 number or a pair of two-byte ones. Number by number this took an eighth of a product of
 * 132 rows.
 */
final class PanelRows {
  /** Rows that go together. */
  static final int COUNT = 4;

  private static final VectorSpecies<Integer> I = IntVector.SPECIES_128;
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;
  private static final VectorShuffle<Integer> NEIGHBOURS = VectorShuffle.fromValues(I, 1, 0, 3, 2);
  private static final VectorShuffle<Integer> HALVES = VectorShuffle.fromValues(I, 2, 3, 0, 1);
  private static final VectorMask<Integer> ODD = VectorMask.fromValues(I, false, true, false, true);
  private static final VectorMask<Integer> UPPER =
      VectorMask.fromValues(I, false, false, true, true);

  private PanelRows() {}

  /**
   * Puts number i of row r at {@code out[at + i·stride + r]}.
   *
   * @param start where the first row's numbers begin in {@code w}, in bytes
   * @param rowBytes from one row to the next
   * @param count numbers of each row
   */
  static void pack(
      DType dtype,
      MemorySegment w,
      long start,
      long rowBytes,
      int count,
      float[] out,
      int at,
      int stride) {
    int done =
        switch (dtype) {
          case FLOAT32 -> float32(w, start, rowBytes, count, out, at, stride);
          case BFLOAT16 -> bfloat16(w, start, rowBytes, count, out, at, stride);
          case FLOAT16 -> float16(w, start, rowBytes, count, out, at, stride);
        };
    for (int r = 0; r < COUNT && done < count; r++) {
      long from = start + r * rowBytes + (long) done * dtype.bytes();
      Numbers.scatter(dtype, w, from, out, at + done * stride + r, stride, count - done);
    }
  }

  private static int float32(
      MemorySegment w, long start, long rowBytes, int count, float[] out, int at, int stride) {
    int bound = count - count % 4;
    for (int i = 0; i < bound; i += 4) {
      long from = start + 4L * i;
      IntVector a = IntVector.fromMemorySegment(I, w, from, LITTLE);
      IntVector b = IntVector.fromMemorySegment(I, w, from + rowBytes, LITTLE);
      IntVector c = IntVector.fromMemorySegment(I, w, from + 2 * rowBytes, LITTLE);
      IntVector d = IntVector.fromMemorySegment(I, w, from + 3 * rowBytes, LITTLE);
      IntVector ab0 = left(a, b, NEIGHBOURS, ODD);
      IntVector ab1 = right(a, b, NEIGHBOURS, ODD);
      IntVector cd0 = left(c, d, NEIGHBOURS, ODD);
      IntVector cd1 = right(c, d, NEIGHBOURS, ODD);
      int to = at + i * stride;
      left(ab0, cd0, HALVES, UPPER).reinterpretAsFloats().intoArray(out, to);
      left(ab1, cd1, HALVES, UPPER).reinterpretAsFloats().intoArray(out, to + stride);
      right(ab0, cd0, HALVES, UPPER).reinterpretAsFloats().intoArray(out, to + 2 * stride);
      right(ab1, cd1, HALVES, UPPER).reinterpretAsFloats().intoArray(out, to + 3 * stride);
    }
    return bound;
  }

  private static int bfloat16(
      MemorySegment w, long start, long rowBytes, int count, float[] out, int at, int stride) {
    int bound = count - count % 8;
    for (int i = 0; i < bound; i += 8) {
      long from = start + 2L * i;
      IntVector a = IntVector.fromMemorySegment(I, w, from, LITTLE);
      IntVector b = IntVector.fromMemorySegment(I, w, from + rowBytes, LITTLE);
      IntVector c = IntVector.fromMemorySegment(I, w, from + 2 * rowBytes, LITTLE);
      IntVector d = IntVector.fromMemorySegment(I, w, from + 3 * rowBytes, LITTLE);
      IntVector ab0 = left(a, b, NEIGHBOURS, ODD);
      IntVector ab1 = right(a, b, NEIGHBOURS, ODD);
      IntVector cd0 = left(c, d, NEIGHBOURS, ODD);
      IntVector cd1 = right(c, d, NEIGHBOURS, ODD);
      int to = at + i * stride;
      bfloat16Pair(left(ab0, cd0, HALVES, UPPER), out, to, stride);
      bfloat16Pair(left(ab1, cd1, HALVES, UPPER), out, to + 2 * stride, stride);
      bfloat16Pair(right(ab0, cd0, HALVES, UPPER), out, to + 4 * stride, stride);
      bfloat16Pair(right(ab1, cd1, HALVES, UPPER), out, to + 6 * stride, stride);
    }
    return bound;
  }

  private static void bfloat16Pair(IntVector pairs, float[] out, int to, int stride) {
    pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(out, to);
    pairs.and(0xffff0000).reinterpretAsFloats().intoArray(out, to + stride);
  }

  /**
   * Returns 0, so that all is done number by number, where an infinity or NaN is among the numbers.
   */
  private static int float16(
      MemorySegment w, long start, long rowBytes, int count, float[] out, int at, int stride) {
    int bound = count - count % 8;
    IntVector largest = IntVector.zero(I);
    for (int i = 0; i < bound; i += 8) {
      long from = start + 2L * i;
      IntVector a = IntVector.fromMemorySegment(I, w, from, LITTLE);
      IntVector b = IntVector.fromMemorySegment(I, w, from + rowBytes, LITTLE);
      IntVector c = IntVector.fromMemorySegment(I, w, from + 2 * rowBytes, LITTLE);
      IntVector d = IntVector.fromMemorySegment(I, w, from + 3 * rowBytes, LITTLE);
      IntVector ab0 = left(a, b, NEIGHBOURS, ODD);
      IntVector ab1 = right(a, b, NEIGHBOURS, ODD);
      IntVector cd0 = left(c, d, NEIGHBOURS, ODD);
      IntVector cd1 = right(c, d, NEIGHBOURS, ODD);
      int to = at + i * stride;
      largest = float16Pair(left(ab0, cd0, HALVES, UPPER), out, to, stride, largest);
      largest = float16Pair(left(ab1, cd1, HALVES, UPPER), out, to + 2 * stride, stride, largest);
      largest = float16Pair(right(ab0, cd0, HALVES, UPPER), out, to + 4 * stride, stride, largest);
      largest = float16Pair(right(ab1, cd1, HALVES, UPPER), out, to + 6 * stride, stride, largest);
    }
    return largest.reduceLanes(VectorOperators.MAX) < StreamingProduct.FLOAT16_INFINITY ? bound : 0;
  }

  /** Finite numbers only: {@link StreamingProduct} says how this reads them. */
  private static IntVector float16Pair(
      IntVector pairs, float[] out, int to, int stride, IntVector largest) {
    IntVector first = StreamingProduct.float16Bits(pairs.lanewise(VectorOperators.LSHL, 16));
    IntVector second = StreamingProduct.float16Bits(pairs);
    first.reinterpretAsFloats().mul(0x1p112f).intoArray(out, to);
    second.reinterpretAsFloats().mul(0x1p112f).intoArray(out, to + stride);
    return largest.max(first.and(Integer.MAX_VALUE)).max(second.and(Integer.MAX_VALUE));
  }

  /** Of two rows, the columns that the mask leaves out: a's own, and b's moved next to them. */
  private static IntVector left(
      IntVector a, IntVector b, VectorShuffle<Integer> swap, VectorMask<Integer> mask) {
    return a.blend(b.rearrange(swap), mask);
  }

  /** Of two rows, the columns that the mask names: b's own, and a's moved next to them. */
  private static IntVector right(
      IntVector a, IntVector b, VectorShuffle<Integer> swap, VectorMask<Integer> mask) {
    return a.rearrange(swap).blend(b, mask);
  }
}
