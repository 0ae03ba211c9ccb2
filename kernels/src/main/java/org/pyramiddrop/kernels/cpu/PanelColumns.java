package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.pyramiddrop.kernels.DType;

/** Packs columns of a weight into a panel: its rows are the inputs, so nothing is transposed. */
final class PanelColumns {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final VectorSpecies<Integer> I = Lanes.INTS;

  /** As many shorts as a vector has floats. */
  private static final VectorSpecies<Short> HALVES =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Lanes.FLOATS.vectorBitSize() / 2));

  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

  /** A binary16 infinity's bits once shifted right by three. */
  private static final int FLOAT16_INFINITY = 0x1f << 23;

  private PanelColumns() {}

  /**
   * Puts number j of row i at {@code out[at + i · COLUMNS + j]}, and zeros behind the last.
   *
   * @param start where the first row's numbers begin in {@code w}, in bytes
   * @param rowBytes bytes from row to row
   * @param count numbers of a row, at most {@link MicroTile#COLUMNS}
   */
  static void pack(
      DType dtype,
      MemorySegment w,
      long start,
      long rowBytes,
      int rows,
      int count,
      float[] out,
      int at) {
    if (count == MicroTile.COLUMNS) {
      switch (dtype) {
        case FLOAT32 -> float32(w, start, rowBytes, rows, out, at);
        case BFLOAT16 -> bfloat16(w, start, rowBytes, rows, out, at);
        case FLOAT16 -> {
          if (!float16(w, start, rowBytes, rows, out, at)) {
            each(dtype, w, start, rowBytes, rows, count, out, at);
          }
        }
        case INT8, INT4, FP8 -> throw dtype.notSingle();
      }
    } else {
      each(dtype, w, start, rowBytes, rows, count, out, at);
    }
  }

  /** Number by number. */
  private static void each(
      DType dtype,
      MemorySegment w,
      long start,
      long rowBytes,
      int rows,
      int count,
      float[] out,
      int at) {
    for (int i = 0; i < rows; i++) {
      int to = at + i * MicroTile.COLUMNS;
      Numbers.widen(dtype, w, start + i * rowBytes, out, to, count);
      Arrays.fill(out, to + count, to + MicroTile.COLUMNS, 0f);
    }
  }

  private static void float32(
      MemorySegment w, long start, long rowBytes, int rows, float[] out, int at) {
    for (int i = 0; i < rows; i++) {
      long from = start + i * rowBytes;
      int to = at + i * MicroTile.COLUMNS;
      FloatVector.fromMemorySegment(F, w, from, LITTLE).intoArray(out, to);
      FloatVector.fromMemorySegment(F, w, from + 4L * Lanes.COUNT, LITTLE)
          .intoArray(out, to + Lanes.COUNT);
    }
  }

  private static void bfloat16(
      MemorySegment w, long start, long rowBytes, int rows, float[] out, int at) {
    for (int i = 0; i < rows; i++) {
      long from = start + i * rowBytes;
      int to = at + i * MicroTile.COLUMNS;
      upper(w, from).reinterpretAsFloats().intoArray(out, to);
      upper(w, from + 2L * Lanes.COUNT).reinterpretAsFloats().intoArray(out, to + Lanes.COUNT);
    }
  }

  /** Two-byte numbers as the upper halves of ints. */
  private static IntVector upper(MemorySegment w, long from) {
    ShortVector shorts = ShortVector.fromMemorySegment(HALVES, w, from, LITTLE);
    IntVector ints = (IntVector) shorts.convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0);
    return ints.lanewise(VectorOperators.LSHL, 16);
  }

  /** Returns false where an infinity or NaN is among the numbers, which this would misread. */
  private static boolean float16(
      MemorySegment w, long start, long rowBytes, int rows, float[] out, int at) {
    IntVector largest = IntVector.zero(I);
    for (int i = 0; i < rows; i++) {
      long from = start + i * rowBytes;
      int to = at + i * MicroTile.COLUMNS;
      IntVector first =
          upper(w, from).lanewise(VectorOperators.ASHR, 3).and(StreamingProduct.FLOAT16_BITS);
      IntVector second =
          upper(w, from + 2L * Lanes.COUNT)
              .lanewise(VectorOperators.ASHR, 3)
              .and(StreamingProduct.FLOAT16_BITS);
      first.reinterpretAsFloats().mul(0x1p112f).intoArray(out, to);
      second.reinterpretAsFloats().mul(0x1p112f).intoArray(out, to + Lanes.COUNT);
      largest = largest.max(first.and(Integer.MAX_VALUE)).max(second.and(Integer.MAX_VALUE));
    }
    return largest.reduceLanes(VectorOperators.MAX) < FLOAT16_INFINITY;
  }
}
