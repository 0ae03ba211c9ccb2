package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Float8;

/**
 * Decode's products with weights in {@link Blocks}: whole numbers are widened in registers, summed
 * over two vectors, and only that sum meets the block's scale. Those of {@link DType#FP8} are
 * summed over the row before they meet its only scale.
 *
 * <p>A row's scales are widened before its numbers are read. The zeros of {@link DType#INT4} never
 * meet the numbers: {@code Σ scale · (q - zero) · x} is {@code Σ scale · q · x} less {@code scale ·
 * zero} times the sum of a block's inputs, which all rows share. So rounding errors are those of
 * products with q, not q - zero: an output of weights that are all zero may differ from zero by
 * some 1e-7 of what they could have been.
 */
final class StreamingBlocks {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final VectorSpecies<Integer> I = Lanes.INTS;
  private static final int LANES = Lanes.COUNT;
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE);

  /** As many shorts as a vector has floats. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(F.vectorBitSize() / 2));

  /** As many bytes as a vector has floats, but eight at least: no vector is shorter. */
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, 8 * LANES)));

  /** Where the second vector of a step is: in bytes of its own or, at 128 bits, in the first's. */
  private static final int SECOND = BYTES.length() == LANES ? LANES : 0;

  private static final int SECOND_PART = SECOND == 0 ? 1 : 0;

  /** Sign, exponent and mantissa of an eight-bit float that was shifted to a float's place. */
  static final int FLOAT8_BITS = 0x87f00000;

  /**
   * What a float of these bits is too small by, since its exponent has another bias; of subnormal
   * numbers, too.
   */
  static final float FLOAT8_SCALE = 0x1p120f;

  /** What brings four bits of an int to the bottom of each lane. */
  private static final IntVector HALVES = halves();

  private static final VectorMask<Integer> UPPER = I.indexInRange(-8, LANES - 8);

  /** Inputs of a step: one block at 512 bits, of INT4 a run of each half of a block. */
  private static final int STEP = 2 * LANES;

  /** Steps that a loop takes at a time, each with sums of its own: whole blocks together. */
  private static final int UNROLLED = 4;

  private StreamingBlocks() {}

  private static IntVector halves() {
    int[] shifts = new int[LANES];
    Arrays.setAll(shifts, i -> 4 * (i % 8));
    return IntVector.fromArray(I, shifts, 0);
  }

  /**
   * A row of x as these products read it: filled up to whole blocks with zeros, and then the sum of
   * each block's. For {@link DType#INT4} in the order in which a step meets its inputs: what bytes'
   * lower halves are multiplied with, and what whole bytes are.
   */
  static float[] arranged(DType dtype, float[] x, int at, int inputs) {
    int blocks = MatrixProduct.ceilDiv(inputs, Blocks.SIZE);
    int padded = blocks * Blocks.SIZE;
    float[] out = new float[padded + blocks];
    for (int i = 0; i < inputs; i++) {
      out[padded + i / Blocks.SIZE] += x[at + i];
    }
    if (dtype != DType.INT4) {
      System.arraycopy(x, at, out, 0, inputs);
      return out;
    }
    int half = Blocks.SIZE / 2;
    for (int i = 0; i < padded; i += Blocks.SIZE) {
      for (int j = 0; j < half; j++) {
        int to = i + j / LANES * STEP + j % LANES;
        float low = i + j < inputs ? x[at + i + j] : 0;
        float high = i + half + j < inputs ? x[at + i + half + j] / 16 : 0;
        out[to] = low - high;
        out[to + LANES] = high;
      }
    }
    return out;
  }

  /**
   * {@code sums[to + j] = x · w[first + j]} for {@code j} below {@code rows}, which lie together.
   *
   * @param x as {@link #arranged} gives it
   */
  static void products(CpuWeight w, int first, int rows, float[] x, float[] sums, int to) {
    Blocks blocks = w.blocks(first);
    MemorySegment data = w.segment(first);
    int perRow = blocks.perRow();
    int inputs = perRow * Blocks.SIZE;
    int bound = inputs - inputs % (UNROLLED * STEP);
    boolean ofRow = blocks.dtype() == DType.FP8;
    float[] scales = new float[ofRow ? 0 : perRow];
    float[] lanes = new float[LANES];
    for (int j = 0; j < rows; j++) {
      int row = w.within(first) + j;
      widen(data, blocks.scales(row), scales);
      long from = blocks.numbers(row);
      float sum;
      if (ofRow) {
        fp8(data, from, bound, x, lanes);
        sum = Lanes.sum(lanes, 0);
        for (int i = bound; i < inputs; i++) {
          sum += Float8.toFloat(data.get(ValueLayout.JAVA_BYTE, from + i)) * x[i];
        }
        sum *= blocks.scale(data, row, 0);
      } else if (blocks.dtype() == DType.INT8) {
        int8(data, from, bound, x, scales, lanes);
        sum = Lanes.sum(lanes, 0);
        for (int i = bound; i < inputs; i++) {
          sum += scales[i / Blocks.SIZE] * data.get(ValueLayout.JAVA_BYTE, from + i) * x[i];
        }
      } else {
        int4(data, from, bound, x, scales, lanes);
        sum = Lanes.sum(lanes, 0);
        for (int i = bound; i < inputs; i += STEP) {
          float scale = scales[i / Blocks.SIZE];
          for (int k = 0; k < LANES; k++) {
            int both = data.get(ValueLayout.JAVA_BYTE, from + i / 2 + k) & 255;
            sum += scale * ((both & 15) * x[i + k] + both * x[i + LANES + k]);
          }
        }
        long zeros = blocks.zeros(row);
        sum -= zeros(data, zeros, scales, x, inputs);
      }
      sums[to + j] = sum;
    }
  }

  // As in StreamingProduct: a row is one stream, each loop a method of its own, and it calls
  // nothing
  // but the Vector API.

  private static void int8(
      MemorySegment w, long row, int inputs, float[] x, float[] scales, float[] lanes) {
    FloatVector a = FloatVector.zero(F);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    FloatVector low;
    FloatVector high;
    for (int i = 0; i < inputs; i += UNROLLED * STEP) {
      low =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, w, row + i, LITTLE)
                  .convertShape(VectorOperators.B2F, F, 0);
      high =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, w, row + i + SECOND, LITTLE)
                  .convertShape(VectorOperators.B2F, F, SECOND_PART);
      low = low.mul(FloatVector.fromArray(F, x, i));
      low = high.fma(FloatVector.fromArray(F, x, i + LANES), low);
      a = low.fma(FloatVector.broadcast(F, scales[i / Blocks.SIZE]), a);
      low =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 1 * STEP), LITTLE)
                  .convertShape(VectorOperators.B2F, F, 0);
      high =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 1 * STEP + SECOND), LITTLE)
                  .convertShape(VectorOperators.B2F, F, SECOND_PART);
      low = low.mul(FloatVector.fromArray(F, x, i + 1 * STEP));
      low = high.fma(FloatVector.fromArray(F, x, i + 1 * STEP + LANES), low);
      b = low.fma(FloatVector.broadcast(F, scales[(i + 1 * STEP) / Blocks.SIZE]), b);
      low =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 2 * STEP), LITTLE)
                  .convertShape(VectorOperators.B2F, F, 0);
      high =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 2 * STEP + SECOND), LITTLE)
                  .convertShape(VectorOperators.B2F, F, SECOND_PART);
      low = low.mul(FloatVector.fromArray(F, x, i + 2 * STEP));
      low = high.fma(FloatVector.fromArray(F, x, i + 2 * STEP + LANES), low);
      c = low.fma(FloatVector.broadcast(F, scales[(i + 2 * STEP) / Blocks.SIZE]), c);
      low =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 3 * STEP), LITTLE)
                  .convertShape(VectorOperators.B2F, F, 0);
      high =
          (FloatVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 3 * STEP + SECOND), LITTLE)
                  .convertShape(VectorOperators.B2F, F, SECOND_PART);
      low = low.mul(FloatVector.fromArray(F, x, i + 3 * STEP));
      low = high.fma(FloatVector.fromArray(F, x, i + 3 * STEP + LANES), low);
      d = low.fma(FloatVector.broadcast(F, scales[(i + 3 * STEP) / Blocks.SIZE]), d);
    }
    a.add(b).add(c.add(d)).intoArray(lanes, 0);
  }

  /**
   * A number's bits, with its sign ahead of them, need one shift and one mask to be a float's but
   * for the bias.
   */
  private static void fp8(MemorySegment w, long row, int inputs, float[] x, float[] lanes) {
    FloatVector a = FloatVector.zero(F);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    IntVector numbers;
    for (int i = 0; i < inputs; i += UNROLLED * STEP) {
      numbers =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + i, LITTLE)
                  .convertShape(VectorOperators.B2I, I, 0);
      numbers = numbers.lanewise(VectorOperators.LSHL, 20).and(FLOAT8_BITS);
      a = numbers.reinterpretAsFloats().mul(FLOAT8_SCALE).fma(FloatVector.fromArray(F, x, i), a);
      numbers =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + i + SECOND, LITTLE)
                  .convertShape(VectorOperators.B2I, I, SECOND_PART);
      numbers = numbers.lanewise(VectorOperators.LSHL, 20).and(FLOAT8_BITS);
      a =
          numbers
              .reinterpretAsFloats()
              .mul(FLOAT8_SCALE)
              .fma(FloatVector.fromArray(F, x, i + LANES), a);
      numbers =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 1 * STEP), LITTLE)
                  .convertShape(VectorOperators.B2I, I, 0);
      numbers = numbers.lanewise(VectorOperators.LSHL, 20).and(FLOAT8_BITS);
      b =
          numbers
              .reinterpretAsFloats()
              .mul(FLOAT8_SCALE)
              .fma(FloatVector.fromArray(F, x, i + 1 * STEP), b);
      numbers =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 1 * STEP + SECOND), LITTLE)
                  .convertShape(VectorOperators.B2I, I, SECOND_PART);
      numbers = numbers.lanewise(VectorOperators.LSHL, 20).and(FLOAT8_BITS);
      b =
          numbers
              .reinterpretAsFloats()
              .mul(FLOAT8_SCALE)
              .fma(FloatVector.fromArray(F, x, i + 1 * STEP + LANES), b);
      numbers =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 2 * STEP), LITTLE)
                  .convertShape(VectorOperators.B2I, I, 0);
      numbers = numbers.lanewise(VectorOperators.LSHL, 20).and(FLOAT8_BITS);
      c =
          numbers
              .reinterpretAsFloats()
              .mul(FLOAT8_SCALE)
              .fma(FloatVector.fromArray(F, x, i + 2 * STEP), c);
      numbers =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 2 * STEP + SECOND), LITTLE)
                  .convertShape(VectorOperators.B2I, I, SECOND_PART);
      numbers = numbers.lanewise(VectorOperators.LSHL, 20).and(FLOAT8_BITS);
      c =
          numbers
              .reinterpretAsFloats()
              .mul(FLOAT8_SCALE)
              .fma(FloatVector.fromArray(F, x, i + 2 * STEP + LANES), c);
      numbers =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 3 * STEP), LITTLE)
                  .convertShape(VectorOperators.B2I, I, 0);
      numbers = numbers.lanewise(VectorOperators.LSHL, 20).and(FLOAT8_BITS);
      d =
          numbers
              .reinterpretAsFloats()
              .mul(FLOAT8_SCALE)
              .fma(FloatVector.fromArray(F, x, i + 3 * STEP), d);
      numbers =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i + 3 * STEP + SECOND), LITTLE)
                  .convertShape(VectorOperators.B2I, I, SECOND_PART);
      numbers = numbers.lanewise(VectorOperators.LSHL, 20).and(FLOAT8_BITS);
      d =
          numbers
              .reinterpretAsFloats()
              .mul(FLOAT8_SCALE)
              .fma(FloatVector.fromArray(F, x, i + 3 * STEP + LANES), d);
    }
    a.add(b).add(c.add(d)).intoArray(lanes, 0);
  }

  /**
   * A byte's upper half is the byte less its lower half, over 16: x comes divided already, and two
   * conversions and one mask are all that widening takes.
   */
  private static void int4(
      MemorySegment w, long row, int inputs, float[] x, float[] scales, float[] lanes) {
    FloatVector a = FloatVector.zero(F);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    FloatVector low;
    FloatVector high;
    IntVector both;
    for (int i = 0; i < inputs; i += UNROLLED * STEP) {
      both =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + i / 2, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
      low = (FloatVector) both.and(15).convert(VectorOperators.I2F, 0);
      high = (FloatVector) both.convert(VectorOperators.I2F, 0);
      low = low.mul(FloatVector.fromArray(F, x, i));
      low = high.fma(FloatVector.fromArray(F, x, i + LANES), low);
      a = low.fma(FloatVector.broadcast(F, scales[i / Blocks.SIZE]), a);
      both =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i / 2 + 1 * LANES), LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
      low = (FloatVector) both.and(15).convert(VectorOperators.I2F, 0);
      high = (FloatVector) both.convert(VectorOperators.I2F, 0);
      low = low.mul(FloatVector.fromArray(F, x, i + 1 * STEP));
      low = high.fma(FloatVector.fromArray(F, x, i + 1 * STEP + LANES), low);
      b = low.fma(FloatVector.broadcast(F, scales[(i + 1 * STEP) / Blocks.SIZE]), b);
      both =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i / 2 + 2 * LANES), LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
      low = (FloatVector) both.and(15).convert(VectorOperators.I2F, 0);
      high = (FloatVector) both.convert(VectorOperators.I2F, 0);
      low = low.mul(FloatVector.fromArray(F, x, i + 2 * STEP));
      low = high.fma(FloatVector.fromArray(F, x, i + 2 * STEP + LANES), low);
      c = low.fma(FloatVector.broadcast(F, scales[(i + 2 * STEP) / Blocks.SIZE]), c);
      both =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, w, row + (i / 2 + 3 * LANES), LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
      low = (FloatVector) both.and(15).convert(VectorOperators.I2F, 0);
      high = (FloatVector) both.convert(VectorOperators.I2F, 0);
      low = low.mul(FloatVector.fromArray(F, x, i + 3 * STEP));
      low = high.fma(FloatVector.fromArray(F, x, i + 3 * STEP + LANES), low);
      d = low.fma(FloatVector.broadcast(F, scales[(i + 3 * STEP) / Blocks.SIZE]), d);
    }
    a.add(b).add(c.add(d)).intoArray(lanes, 0);
  }

  /** A row's scales as floats. */
  private static void widen(MemorySegment w, long from, float[] scales) {
    int bound = scales.length - scales.length % LANES;
    for (int b = 0; b < bound; b += LANES) {
      IntVector bits =
          (IntVector)
              ShortVector.fromMemorySegment(SHORTS, w, from + 2L * b, LITTLE)
                  .convertShape(VectorOperators.S2I, I, 0);
      // As StreamingProduct reads them; a scale is finite.
      bits.lanewise(VectorOperators.LSHL, 16)
          .lanewise(VectorOperators.ASHR, 3)
          .and(StreamingProduct.FLOAT16_BITS)
          .reinterpretAsFloats()
          .mul(0x1p112f)
          .intoArray(scales, b);
    }
    for (int b = bound; b < scales.length; b++) {
      scales[b] = Float.float16ToFloat(w.get(Numbers.SHORT, from + 2L * b));
    }
  }

  /**
   * {@code Σ scale · zero · the sum of a block's inputs}, over a row.
   *
   * @param sums where those sums begin in {@code x}
   */
  private static float zeros(MemorySegment w, long from, float[] scales, float[] x, int sums) {
    int bound = scales.length - scales.length % LANES;
    FloatVector sum = FloatVector.zero(F);
    for (int b = 0; b < bound; b += LANES) {
      IntVector ints = IntVector.broadcast(I, w.get(INT, from + (b / 8) * 4L) >>> (b % 8 * 4));
      if (LANES > 8) {
        ints = ints.blend(IntVector.broadcast(I, w.get(INT, from + (b / 8 * 4 + 4))), UPPER);
      }
      FloatVector zeros =
          (FloatVector)
              ints.lanewise(VectorOperators.LSHR, HALVES).and(15).convert(VectorOperators.I2F, 0);
      FloatVector scaled = zeros.mul(FloatVector.fromArray(F, scales, b));
      sum = scaled.fma(FloatVector.fromArray(F, x, sums + b), sum);
    }
    float rest = Lanes.sum(sum);
    for (int b = bound; b < scales.length; b++) {
      int zero = (w.get(INT, from + (b / 8) * 4L) >>> (b % 8 * 4)) & 15;
      rest += scales[b] * zero * x[sums + b];
    }
    return rest;
  }
}
