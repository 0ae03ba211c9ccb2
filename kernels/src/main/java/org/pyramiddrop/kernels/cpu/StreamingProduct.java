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

  /** A binary16 infinity's bits as {@link #float16Bits} leaves them. */
  static final int FLOAT16_INFINITY = 0x1f << 23;

  /**
   * Weight rows read side by side: as many streams for the memory to work on, and sums to keep
   * busy.
   */
  private static final int ROWS = 4;

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
    int rowBytes = w.columns() * w.dtype().bytes();
    return Math.max(ROWS, TASK_BYTES / rowBytes / ROWS * ROWS);
  }

  /** Each row of x, for two-byte weights with its even inputs first and then its odd ones. */
  private static float[][] split(CpuTensor x, CpuWeight w) {
    int inputs = x.columns();
    float[][] rows = new float[x.rows()][];
    for (int r = 0; r < rows.length; r++) {
      int at = x.row(r);
      if (w.dtype().bytes() == 4) {
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
      }
      done += rows;
    }
  }

  // Each of the following is one large method on purpose: the compiler then treats it alone, and
  // its sums stay
  // in registers. Called for four rows at a time instead, they were inlined together and ran at
  // half the speed.
  // The last group of rows repeats its last row rather than have a tail of its own.

  private static void bfloat16(
      MemorySegment w, long start, int rows, float[] x, float[] sums, int to) {
    int odd = (x.length + 1) / 2;
    int bound = x.length - x.length % STEP;
    for (int j = 0; j < rows; j += ROWS) {
      long a = start + 2L * x.length * j;
      long b = start + 2L * x.length * Math.min(j + 1, rows - 1);
      long c = start + 2L * x.length * Math.min(j + 2, rows - 1);
      long d = start + 2L * x.length * Math.min(j + 3, rows - 1);
      FloatVector a0 = FloatVector.zero(F);
      FloatVector a1 = a0;
      FloatVector b0 = a0;
      FloatVector b1 = a0;
      FloatVector c0 = a0;
      FloatVector c1 = a0;
      FloatVector d0 = a0;
      FloatVector d1 = a0;
      for (int i = 0; i < bound; i += STEP) {
        FloatVector even = FloatVector.fromArray(F, x, i / 2);
        FloatVector next = FloatVector.fromArray(F, x, odd + i / 2);
        IntVector pairs = IntVector.fromMemorySegment(I, w, a + 2L * i, LITTLE);
        a0 = even.fma(low(pairs), a0);
        a1 = next.fma(high(pairs), a1);
        pairs = IntVector.fromMemorySegment(I, w, b + 2L * i, LITTLE);
        b0 = even.fma(low(pairs), b0);
        b1 = next.fma(high(pairs), b1);
        pairs = IntVector.fromMemorySegment(I, w, c + 2L * i, LITTLE);
        c0 = even.fma(low(pairs), c0);
        c1 = next.fma(high(pairs), c1);
        pairs = IntVector.fromMemorySegment(I, w, d + 2L * i, LITTLE);
        d0 = even.fma(low(pairs), d0);
        d1 = next.fma(high(pairs), d1);
      }
      float as = Lanes.sum(a0.add(a1));
      float bs = Lanes.sum(b0.add(b1));
      float cs = Lanes.sum(c0.add(c1));
      float ds = Lanes.sum(d0.add(d1));
      for (int i = bound; i < x.length; i++) {
        float xi = x[(i & 1) * odd + i / 2];
        as += xi * Numbers.bfloat16(w.get(Numbers.SHORT, a + 2L * i));
        bs += xi * Numbers.bfloat16(w.get(Numbers.SHORT, b + 2L * i));
        cs += xi * Numbers.bfloat16(w.get(Numbers.SHORT, c + 2L * i));
        ds += xi * Numbers.bfloat16(w.get(Numbers.SHORT, d + 2L * i));
      }
      put(sums, to + j, Math.min(ROWS, rows - j), as, bs, cs, ds);
    }
  }

  private static void put(float[] sums, int at, int count, float a, float b, float c, float d) {
    sums[at] = a;
    if (count > 1) {
      sums[at + 1] = b;
    }
    if (count > 2) {
      sums[at + 2] = c;
    }
    if (count > 3) {
      sums[at + 3] = d;
    }
  }

  private static FloatVector low(IntVector pairs) {
    return pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  private static FloatVector high(IntVector pairs) {
    return pairs.and(0xffff0000).reinterpretAsFloats();
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
    int bound = x.length - x.length % STEP;
    for (int j = 0; j < rows; j++) {
      long at = start + 2L * x.length * j;
      FloatVector evens = FloatVector.zero(F);
      FloatVector odds = evens;
      IntVector largest = IntVector.zero(I);
      for (int i = 0; i < bound; i += STEP) {
        IntVector pairs = IntVector.fromMemorySegment(I, w, at + 2L * i, LITTLE);
        IntVector first = float16Bits(pairs.lanewise(VectorOperators.LSHL, 16));
        IntVector second = float16Bits(pairs);
        evens = FloatVector.fromArray(F, x, i / 2).fma(first.reinterpretAsFloats(), evens);
        odds = FloatVector.fromArray(F, x, odd + i / 2).fma(second.reinterpretAsFloats(), odds);
        largest = largest.max(first.and(Integer.MAX_VALUE)).max(second.and(Integer.MAX_VALUE));
      }
      boolean finite = largest.reduceLanes(VectorOperators.MAX) < FLOAT16_INFINITY;
      float sum = finite ? Lanes.sum(evens.add(odds)) * FLOAT16_SUM_SCALE : 0;
      for (int i = finite ? bound : 0; i < x.length; i++) {
        float weight = Float.float16ToFloat(w.get(Numbers.SHORT, at + 2L * i));
        sum += x[(i & 1) * odd + i / 2] / FLOAT16_INPUT_SCALE * weight;
      }
      sums[to + j] = sum;
    }
  }

  /** Binary16 numbers in the upper halves, as bits of floats 2^112 too small. */
  static IntVector float16Bits(IntVector upper) {
    return upper.lanewise(VectorOperators.ASHR, 3).and(0x8fffe000);
  }

  private static void float32(
      MemorySegment w, long start, int rows, float[] x, float[] sums, int to) {
    int bound = x.length - x.length % Lanes.COUNT;
    for (int j = 0; j < rows; j += ROWS) {
      long a = start + 4L * x.length * j;
      long b = start + 4L * x.length * Math.min(j + 1, rows - 1);
      long c = start + 4L * x.length * Math.min(j + 2, rows - 1);
      long d = start + 4L * x.length * Math.min(j + 3, rows - 1);
      FloatVector av = FloatVector.zero(F);
      FloatVector bv = av;
      FloatVector cv = av;
      FloatVector dv = av;
      for (int i = 0; i < bound; i += Lanes.COUNT) {
        FloatVector xi = FloatVector.fromArray(F, x, i);
        av = xi.fma(FloatVector.fromMemorySegment(F, w, a + 4L * i, LITTLE), av);
        bv = xi.fma(FloatVector.fromMemorySegment(F, w, b + 4L * i, LITTLE), bv);
        cv = xi.fma(FloatVector.fromMemorySegment(F, w, c + 4L * i, LITTLE), cv);
        dv = xi.fma(FloatVector.fromMemorySegment(F, w, d + 4L * i, LITTLE), dv);
      }
      float as = Lanes.sum(av);
      float bs = Lanes.sum(bv);
      float cs = Lanes.sum(cv);
      float ds = Lanes.sum(dv);
      for (int i = bound; i < x.length; i++) {
        as += x[i] * w.get(Numbers.FLOAT, a + 4L * i);
        bs += x[i] * w.get(Numbers.FLOAT, b + 4L * i);
        cs += x[i] * w.get(Numbers.FLOAT, c + 4L * i);
        ds += x[i] * w.get(Numbers.FLOAT, d + 4L * i);
      }
      put(sums, to + j, Math.min(ROWS, rows - j), as, bs, cs, ds);
    }
  }
}
