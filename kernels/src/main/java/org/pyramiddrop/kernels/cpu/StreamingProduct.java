package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;

/**
 * Decode's products, few rows at a time: every weight is read once, in order, and widened in
 * registers, so that memory bandwidth is the limit.
 *
 * <p>Two-byte numbers are read in pairs, as one int: its low half is an even input, its high half
 * an odd one. The activations are therefore split into even and odd inputs first, which costs
 * nothing beside the weights.
 */
final class StreamingProduct {
  /** Up to this many rows a weight row, widened again for each, costs less than packing would. */
  static final int MAX_ROWS = 4;

  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final VectorSpecies<Integer> I = Lanes.INTS;
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;
  private static final int STEP = 2 * Lanes.COUNT;

  /**
   * What x is multiplied with before it meets binary16 weights: far from overflow and underflow
   * alike.
   */
  private static final float FLOAT16_INPUT_SCALE = 0x1p100f;

  private static final float FLOAT16_SUM_SCALE = 0x1p12f;

  /** Sign, exponent and mantissa of a binary16 number that was shifted right by three. */
  static final int FLOAT16_BITS = 0x8fffe000;

  /** Both exponents of a pair. */
  private static final int EXPONENTS = 0x7c007c00;

  /** One in the last place of both exponents. */
  private static final int ONES = 0x04000400;

  /** The places of both signs. */
  private static final int CARRIES = 0x80008000;

  /** The odd input of a pair. */
  private static final int UPPER = 0xffff0000;

  /** Vectors of weights that a loop reads at a time. */
  private static final int UNROLLED = 4;

  /** Inputs that a loop takes at a time, whatever the weights' type. */
  static final int INPUTS_AT_ONCE = UNROLLED * STEP;

  /** Bytes of a vector. */
  private static final long VECTOR = 4L * Lanes.COUNT;

  /** Bytes of weights a task reads; large enough to hide the hand-over, small enough to balance. */
  private static final int TASK_BYTES = 1 << 18;

  private final Workers workers;

  StreamingProduct(Workers workers) {
    this.workers = workers;
  }

  /** {@code out = activation(x · wᵀ + bias)}. */
  void linear(
      CpuTensor x, CpuWeight w, @Nullable CpuWeight bias, Activation activation, CpuTensor out) {
    float[][] split = split(x, w);
    int n = out.columns();
    int each = rowsPerTask(w);
    workers.run(
        MatrixProduct.ceilDiv(n, each),
        (task, worker) -> {
          int from = task * each;
          int count = Math.min(each, n - from);
          float[] sums = new float[count];
          for (int r = 0; r < x.rows(); r++) {
            products(w, from, count, split[r], sums);
            float[] o = out.data();
            int at = out.row(r) + from;
            for (int j = 0; j < count; j++) {
              o[at + j] = activation == Activation.ADD ? o[at + j] + sums[j] : sums[j];
            }
            Epilogue.apply(
                activation,
                bias == null ? null : bias.vector(),
                bias == null ? 0 : bias.vectorOffset() + from,
                o,
                at,
                count);
          }
        });
  }

  /** {@code out = silu(x · gateᵀ) ∘ (x · upᵀ)}. */
  void swiGlu(CpuTensor x, CpuWeight gateUp, CpuTensor out) {
    float[][] split = split(x, gateUp);
    int n = out.columns();
    int each = rowsPerTask(gateUp);
    workers.run(
        MatrixProduct.ceilDiv(n, each),
        (task, worker) -> {
          int from = task * each;
          int count = Math.min(each, n - from);
          float[] gate = new float[count];
          float[] sums = new float[2 * count];
          for (int r = 0; r < x.rows(); r++) {
            products(gateUp, from, count, split[r], sums);
            System.arraycopy(sums, 0, gate, 0, count);
            products(gateUp, n + from, count, split[r], sums);
            System.arraycopy(sums, 0, sums, count, count);
            System.arraycopy(gate, 0, sums, 0, count);
            Epilogue.gate(sums, 0, sums, count, out.data(), out.row(r) + from, count);
          }
        });
  }

  private static int rowsPerTask(CpuWeight w) {
    return (int) Math.max(1, TASK_BYTES / w.dtype().bytes(1, w.columns()));
  }

  /** Each row of x, for two-byte weights with its even inputs first and then its odd ones. */
  private static float[][] split(CpuTensor x, CpuWeight w) {
    int inputs = x.columns();
    float[][] rows = new float[x.rows()][];
    for (int r = 0; r < rows.length; r++) {
      int at = x.row(r);
      if (w.dtype().inBlocks()) {
        rows[r] = StreamingBlocks.arranged(w.dtype(), x.data(), at, inputs);
      } else if (w.dtype().bytes() == 4) {
        rows[r] = Arrays.copyOfRange(x.data(), at, at + inputs);
      } else {
        int evens = (inputs + 1) / 2;
        float[] row = new float[inputs];
        rows[r] = row;
        float scale = w.dtype() == DType.FLOAT16 ? FLOAT16_INPUT_SCALE : 1;
        for (int i = 0; i < inputs; i++) {
          row[(i & 1) * evens + i / 2] = x.data()[at + i] * scale;
        }
      }
    }
    return rows;
  }

  /** {@code sums[j] = x · w[from + j]} for {@code j} below {@code count}. */
  private static void products(CpuWeight w, int from, int count, float[] x, float[] sums) {
    for (int done = 0; done < count; ) {
      int row = from + done;
      int rows = Math.min(count - done, w.contiguous(row));
      MemorySegment segment = w.segment(row);
      switch (w.dtype()) {
        case BFLOAT16 -> bfloat16(segment, w.offset(row), rows, x, sums, done);
        case FLOAT16 -> float16(segment, w.offset(row), rows, x, sums, done);
        case FLOAT32 -> float32(segment, w.offset(row), rows, x, sums, done);
        case INT8, INT4, FP8 -> StreamingBlocks.products(w, row, rows, x, sums, done);
      }
      done += rows;
    }
  }

  // A row is read as one stream, four vectors at a time: four rows side by side were a sixth
  // slower, since the processor fetches ahead best what lies in order.
  // Each of the following is one method of its own, so that the compiler treats it alone and its
  // sums stay in registers. It must neither grow nor call anything but the Vector API in its loop:
  // PanelRows says why.

  private static void bfloat16(
      MemorySegment w, long start, int rows, float[] x, float[] sums, int to) {
    int odd = (x.length + 1) / 2;
    int bound = x.length - x.length % (UNROLLED * STEP);
    float[] lanes = new float[Lanes.COUNT];
    for (int j = 0; j < rows; j++) {
      long row = start + 2L * x.length * j;
      FloatVector a0 = FloatVector.zero(F);
      FloatVector a1 = a0;
      FloatVector b0 = a0;
      FloatVector b1 = a0;
      FloatVector c0 = a0;
      FloatVector c1 = a0;
      FloatVector d0 = a0;
      FloatVector d1 = a0;
      for (int i = 0; i < bound / 2; i += UNROLLED * Lanes.COUNT) {
        IntVector pairs = IntVector.fromMemorySegment(I, w, row + 4L * i, LITTLE);
        FloatVector even = FloatVector.fromArray(F, x, i);
        a0 = even.fma(pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), a0);
        FloatVector next = FloatVector.fromArray(F, x, odd + i);
        a1 = next.fma(pairs.and(UPPER).reinterpretAsFloats(), a1);
        pairs = IntVector.fromMemorySegment(I, w, row + 4L * i + VECTOR, LITTLE);
        even = FloatVector.fromArray(F, x, i + Lanes.COUNT);
        b0 = even.fma(pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), b0);
        next = FloatVector.fromArray(F, x, odd + i + Lanes.COUNT);
        b1 = next.fma(pairs.and(UPPER).reinterpretAsFloats(), b1);
        pairs = IntVector.fromMemorySegment(I, w, row + 4L * i + 2 * VECTOR, LITTLE);
        even = FloatVector.fromArray(F, x, i + 2 * Lanes.COUNT);
        c0 = even.fma(pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), c0);
        next = FloatVector.fromArray(F, x, odd + i + 2 * Lanes.COUNT);
        c1 = next.fma(pairs.and(UPPER).reinterpretAsFloats(), c1);
        pairs = IntVector.fromMemorySegment(I, w, row + 4L * i + 3 * VECTOR, LITTLE);
        even = FloatVector.fromArray(F, x, i + 3 * Lanes.COUNT);
        d0 = even.fma(pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), d0);
        next = FloatVector.fromArray(F, x, odd + i + 3 * Lanes.COUNT);
        d1 = next.fma(pairs.and(UPPER).reinterpretAsFloats(), d1);
      }
      a0.add(a1).add(b0.add(b1)).add(c0.add(c1).add(d0.add(d1))).intoArray(lanes, 0);
      sums[to + j] = sum(DType.BFLOAT16, lanes, w, row, bound, x);
    }
  }

  /**
   * Shifted right by three, with its sign kept, a binary16 number in an upper half reads as a float
   * that is 2^112 too small. x makes up for most of that beforehand and the sum for the rest.
   * Infinities and NaN would read as finite numbers; a row that holds one is summed again, number
   * by number.
   */
  private static void float16(
      MemorySegment w, long start, int rows, float[] x, float[] sums, int to) {
    int odd = (x.length + 1) / 2;
    int bound = x.length - x.length % (2 * STEP);
    float[] lanes = new float[Lanes.COUNT];
    for (int j = 0; j < rows; j++) {
      long row = start + 2L * x.length * j;
      FloatVector a0 = FloatVector.zero(F);
      FloatVector a1 = a0;
      FloatVector b0 = a0;
      FloatVector b1 = a0;
      // An exponent of ones, and no other, carries into the place of its number's sign.
      IntVector carries = IntVector.zero(I);
      for (int i = 0; i < bound / 2; i += 2 * Lanes.COUNT) {
        IntVector pairs = IntVector.fromMemorySegment(I, w, row + 4L * i, LITTLE);
        carries = carries.or(pairs.and(EXPONENTS).add(ONES));
        IntVector first = pairs.lanewise(VectorOperators.LSHL, 16);
        first = first.lanewise(VectorOperators.ASHR, 3).and(FLOAT16_BITS);
        FloatVector even = FloatVector.fromArray(F, x, i);
        a0 = even.fma(first.reinterpretAsFloats(), a0);
        IntVector second = pairs.lanewise(VectorOperators.ASHR, 3).and(FLOAT16_BITS);
        FloatVector next = FloatVector.fromArray(F, x, odd + i);
        a1 = next.fma(second.reinterpretAsFloats(), a1);
        pairs = IntVector.fromMemorySegment(I, w, row + 4L * i + VECTOR, LITTLE);
        carries = carries.or(pairs.and(EXPONENTS).add(ONES));
        first = pairs.lanewise(VectorOperators.LSHL, 16);
        first = first.lanewise(VectorOperators.ASHR, 3).and(FLOAT16_BITS);
        even = FloatVector.fromArray(F, x, i + Lanes.COUNT);
        b0 = even.fma(first.reinterpretAsFloats(), b0);
        second = pairs.lanewise(VectorOperators.ASHR, 3).and(FLOAT16_BITS);
        next = FloatVector.fromArray(F, x, odd + i + Lanes.COUNT);
        b1 = next.fma(second.reinterpretAsFloats(), b1);
      }
      a0.add(a1).add(b0.add(b1)).mul(FLOAT16_SUM_SCALE).intoArray(lanes, 0);
      int summed = bound;
      if (carries.and(CARRIES).reduceLanes(VectorOperators.OR) != 0) {
        Arrays.fill(lanes, 0);
        summed = 0;
      }
      sums[to + j] = sum(DType.FLOAT16, lanes, w, row, summed, x);
    }
  }

  private static void float32(
      MemorySegment w, long start, int rows, float[] x, float[] sums, int to) {
    int bound = x.length - x.length % (UNROLLED * Lanes.COUNT);
    float[] lanes = new float[Lanes.COUNT];
    for (int j = 0; j < rows; j++) {
      long row = start + 4L * x.length * j;
      FloatVector a = FloatVector.zero(F);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      for (int i = 0; i < bound; i += UNROLLED * Lanes.COUNT) {
        FloatVector numbers = FloatVector.fromMemorySegment(F, w, row + 4L * i, LITTLE);
        a = FloatVector.fromArray(F, x, i).fma(numbers, a);
        numbers = FloatVector.fromMemorySegment(F, w, row + 4L * i + VECTOR, LITTLE);
        b = FloatVector.fromArray(F, x, i + Lanes.COUNT).fma(numbers, b);
        numbers = FloatVector.fromMemorySegment(F, w, row + 4L * i + 2 * VECTOR, LITTLE);
        c = FloatVector.fromArray(F, x, i + 2 * Lanes.COUNT).fma(numbers, c);
        numbers = FloatVector.fromMemorySegment(F, w, row + 4L * i + 3 * VECTOR, LITTLE);
        d = FloatVector.fromArray(F, x, i + 3 * Lanes.COUNT).fma(numbers, d);
      }
      a.add(b).add(c.add(d)).intoArray(lanes, 0);
      sums[to + j] = sum(DType.FLOAT32, lanes, w, row, bound, x);
    }
  }

  /**
   * The sum of a row's lanes, and of those products that are in none.
   *
   * @param summed how many inputs are in the lanes
   */
  private static float sum(
      DType dtype, float[] lanes, MemorySegment w, long row, int summed, float[] x) {
    float sum = Lanes.sum(lanes, 0);
    if (summed == x.length) {
      return sum;
    }
    float[] rest = new float[x.length - summed];
    Numbers.widen(dtype, w, row + (long) dtype.bytes() * summed, rest, 0, rest.length);
    float scale = dtype == DType.FLOAT16 ? 1 / FLOAT16_INPUT_SCALE : 1;
    int odd = (x.length + 1) / 2;
    for (int i = 0; i < rest.length; i++) {
      int input = summed + i;
      int at = dtype == DType.FLOAT32 ? input : (input & 1) * odd + input / 2;
      sum += x[at] * scale * rest[i];
    }
    return sum;
  }
}
