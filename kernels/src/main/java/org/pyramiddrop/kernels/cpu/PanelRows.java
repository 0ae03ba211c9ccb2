package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
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
 *
 * <p>The loops call nothing but the Vector API. A helper of ours is inlined only if the compiler
 * hasn't made it a method of its own before, which differed from one start to the next: boxed
 * vectors then made a product two to sixteen times slower.
 */
final class PanelRows {
  /** Rows that go together. */
  static final int COUNT = 4;

  private static final VectorSpecies<Integer> I = IntVector.SPECIES_128;
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_128;
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;
  private static final VectorShuffle<Integer> NEIGHBOURS = VectorShuffle.fromValues(I, 1, 0, 3, 2);
  private static final VectorShuffle<Integer> HALVES = VectorShuffle.fromValues(I, 2, 3, 0, 1);
  private static final VectorMask<Integer> ODD = VectorMask.fromValues(I, false, true, false, true);
  private static final VectorMask<Integer> UPPER =
      VectorMask.fromValues(I, false, false, true, true);

  /** What an infinity of binary16 reads as when its exponent is taken for any other. */
  private static final float FLOAT16_INFINITY = 65536;

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
          case INT8, INT4, FP8 -> throw dtype.notSingle();
        };
    for (int r = 0; r < COUNT && done < count; r++) {
      long from = start + r * rowBytes + (long) done * dtype.bytes();
      Numbers.scatter(dtype, w, from, out, at + done * stride + r, stride, count - done);
    }
  }

  /** Words of four rows, whatever they hold; returns how many there are in whole vectors. */
  static int float32(
      MemorySegment w, long start, long rowBytes, int count, float[] out, int at, int stride) {
    int bound = count - count % 4;
    for (int i = 0; i < bound; i += 4) {
      long from = start + 4L * i;
      IntVector a = IntVector.fromMemorySegment(I, w, from, LITTLE);
      IntVector b = IntVector.fromMemorySegment(I, w, from + rowBytes, LITTLE);
      IntVector c = IntVector.fromMemorySegment(I, w, from + 2 * rowBytes, LITTLE);
      IntVector d = IntVector.fromMemorySegment(I, w, from + 3 * rowBytes, LITTLE);
      IntVector ab0 = a.blend(b.rearrange(NEIGHBOURS), ODD);
      IntVector ab1 = a.rearrange(NEIGHBOURS).blend(b, ODD);
      IntVector cd0 = c.blend(d.rearrange(NEIGHBOURS), ODD);
      IntVector cd1 = c.rearrange(NEIGHBOURS).blend(d, ODD);
      IntVector first = ab0.blend(cd0.rearrange(HALVES), UPPER);
      IntVector second = ab1.blend(cd1.rearrange(HALVES), UPPER);
      IntVector third = ab0.rearrange(HALVES).blend(cd0, UPPER);
      IntVector fourth = ab1.rearrange(HALVES).blend(cd1, UPPER);
      int to = at + i * stride;
      first.reinterpretAsFloats().intoArray(out, to);
      second.reinterpretAsFloats().intoArray(out, to + stride);
      third.reinterpretAsFloats().intoArray(out, to + 2 * stride);
      fourth.reinterpretAsFloats().intoArray(out, to + 3 * stride);
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
      IntVector ab0 = a.blend(b.rearrange(NEIGHBOURS), ODD);
      IntVector ab1 = a.rearrange(NEIGHBOURS).blend(b, ODD);
      IntVector cd0 = c.blend(d.rearrange(NEIGHBOURS), ODD);
      IntVector cd1 = c.rearrange(NEIGHBOURS).blend(d, ODD);
      IntVector first = ab0.blend(cd0.rearrange(HALVES), UPPER);
      IntVector second = ab1.blend(cd1.rearrange(HALVES), UPPER);
      IntVector third = ab0.rearrange(HALVES).blend(cd0, UPPER);
      IntVector fourth = ab1.rearrange(HALVES).blend(cd1, UPPER);
      int to = at + i * stride;
      first.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(out, to);
      first.and(0xffff0000).reinterpretAsFloats().intoArray(out, to + stride);
      second
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoArray(out, to + 2 * stride);
      second.and(0xffff0000).reinterpretAsFloats().intoArray(out, to + 3 * stride);
      third
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoArray(out, to + 4 * stride);
      third.and(0xffff0000).reinterpretAsFloats().intoArray(out, to + 5 * stride);
      fourth
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoArray(out, to + 6 * stride);
      fourth.and(0xffff0000).reinterpretAsFloats().intoArray(out, to + 7 * stride);
    }
    return bound;
  }

  /**
   * Returns 0, so that all is done number by number, where an infinity or NaN is among the numbers.
   *
   * <p>Numbers come as the upper halves of floats, as bfloat16's do. Shifted right by three, with
   * its sign kept, such a number is a float 2^112 too small; infinities and NaN become finite.
   */
  private static int float16(
      MemorySegment w, long start, long rowBytes, int count, float[] out, int at, int stride) {
    int bound = bfloat16(w, start, rowBytes, count, out, at, stride);
    FloatVector largest = FloatVector.zero(F);
    for (int i = 0; i < bound; i++) {
      IntVector bits = FloatVector.fromArray(F, out, at + i * stride).reinterpretAsInts();
      FloatVector small =
          bits.lanewise(VectorOperators.ASHR, 3)
              .and(StreamingProduct.FLOAT16_BITS)
              .reinterpretAsFloats();
      FloatVector wide = small.mul(0x1p112f);
      wide.intoArray(out, at + i * stride);
      largest = largest.max(wide.abs());
    }
    return largest.reduceLanes(VectorOperators.MAX) < FLOAT16_INFINITY ? bound : 0;
  }
}
