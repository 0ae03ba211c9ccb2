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
            Epilogue.gate(sums, 0, count, out.data(), out.row(r) + from, count);
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
        for (int i = 0; i < inputs; i++) {
          row[(i & 1) * evens + i / 2] = x.data()[at + i];
        }
      }
    }
    return rows;
  }

  /** {@code sums[j] = x · w[from + j]} for {@code j} below {@code count}. */
  private static void products(CpuWeight w, int from, int count, float[] x, float[] sums) {
    for (int done = 0; done < count; ) {
      int row = from + done;
      int here = Math.min(count - done, w.contiguous(row));
      MemorySegment segment = w.segment(row);
      long rowBytes = (long) w.columns() * w.dtype().bytes();
      long at = w.offset(row);
      for (int j = 0; j < here; j += ROWS) {
        // The last group repeats its last row rather than have a tail of its own.
        int high = Math.min(ROWS, here - j);
        long a = at + j * rowBytes;
        long b = a + Math.min(1, high - 1) * rowBytes;
        long c = a + Math.min(2, high - 1) * rowBytes;
        long d = a + Math.min(3, high - 1) * rowBytes;
        float[] four =
            switch (w.dtype()) {
              case BFLOAT16 -> bfloat16(segment, a, b, c, d, x);
              case FLOAT16 -> float16(segment, a, b, c, d, x);
              case FLOAT32 -> float32(segment, a, b, c, d, x);
            };
        System.arraycopy(four, 0, sums, done + j, high);
      }
      done += here;
    }
  }

  private static float[] bfloat16(MemorySegment w, long a, long b, long c, long d, float[] x) {
    int odd = (x.length + 1) / 2;
    int bound = x.length - x.length % STEP;
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
    float[] sums = {
      Lanes.sum(a0.add(a1)), Lanes.sum(b0.add(b1)), Lanes.sum(c0.add(c1)), Lanes.sum(d0.add(d1))
    };
    for (int i = bound; i < x.length; i++) {
      float xi = x[(i & 1) * odd + i / 2];
      sums[0] += xi * Numbers.bfloat16(w.get(Numbers.SHORT, a + 2L * i));
      sums[1] += xi * Numbers.bfloat16(w.get(Numbers.SHORT, b + 2L * i));
      sums[2] += xi * Numbers.bfloat16(w.get(Numbers.SHORT, c + 2L * i));
      sums[3] += xi * Numbers.bfloat16(w.get(Numbers.SHORT, d + 2L * i));
    }
    return sums;
  }

  private static FloatVector low(IntVector pairs) {
    return pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  private static FloatVector high(IntVector pairs) {
    return pairs.and(0xffff0000).reinterpretAsFloats();
  }

  private static float[] float16(MemorySegment w, long a, long b, long c, long d, float[] x) {
    int odd = (x.length + 1) / 2;
    int bound = x.length - x.length % STEP;
    FloatVector as = FloatVector.zero(F);
    FloatVector bs = as;
    FloatVector cs = as;
    FloatVector ds = as;
    for (int i = 0; i < bound; i += STEP) {
      FloatVector even = FloatVector.fromArray(F, x, i / 2);
      FloatVector next = FloatVector.fromArray(F, x, odd + i / 2);
      as = pairs16(IntVector.fromMemorySegment(I, w, a + 2L * i, LITTLE), even, next, as);
      bs = pairs16(IntVector.fromMemorySegment(I, w, b + 2L * i, LITTLE), even, next, bs);
      cs = pairs16(IntVector.fromMemorySegment(I, w, c + 2L * i, LITTLE), even, next, cs);
      ds = pairs16(IntVector.fromMemorySegment(I, w, d + 2L * i, LITTLE), even, next, ds);
    }
    float[] sums = {Lanes.sum(as), Lanes.sum(bs), Lanes.sum(cs), Lanes.sum(ds)};
    for (int i = bound; i < x.length; i++) {
      float xi = x[(i & 1) * odd + i / 2];
      sums[0] += xi * Float.float16ToFloat(w.get(Numbers.SHORT, a + 2L * i));
      sums[1] += xi * Float.float16ToFloat(w.get(Numbers.SHORT, b + 2L * i));
      sums[2] += xi * Float.float16ToFloat(w.get(Numbers.SHORT, c + 2L * i));
      sums[3] += xi * Float.float16ToFloat(w.get(Numbers.SHORT, d + 2L * i));
    }
    return sums;
  }

  private static FloatVector pairs16(
      IntVector pairs, FloatVector even, FloatVector odd, FloatVector sum) {
    FloatVector first = Numbers.float16(pairs);
    FloatVector second = Numbers.float16(pairs.lanewise(VectorOperators.LSHR, 16));
    return odd.fma(second, even.fma(first, sum));
  }

  private static float[] float32(MemorySegment w, long a, long b, long c, long d, float[] x) {
    int bound = x.length - x.length % Lanes.COUNT;
    FloatVector as = FloatVector.zero(F);
    FloatVector bs = as;
    FloatVector cs = as;
    FloatVector ds = as;
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector xi = FloatVector.fromArray(F, x, i);
      as = xi.fma(FloatVector.fromMemorySegment(F, w, a + 4L * i, LITTLE), as);
      bs = xi.fma(FloatVector.fromMemorySegment(F, w, b + 4L * i, LITTLE), bs);
      cs = xi.fma(FloatVector.fromMemorySegment(F, w, c + 4L * i, LITTLE), cs);
      ds = xi.fma(FloatVector.fromMemorySegment(F, w, d + 4L * i, LITTLE), ds);
    }
    float[] sums = {Lanes.sum(as), Lanes.sum(bs), Lanes.sum(cs), Lanes.sum(ds)};
    for (int i = bound; i < x.length; i++) {
      sums[0] += x[i] * w.get(Numbers.FLOAT, a + 4L * i);
      sums[1] += x[i] * w.get(Numbers.FLOAT, b + 4L * i);
      sums[2] += x[i] * w.get(Numbers.FLOAT, c + 4L * i);
      sums[3] += x[i] * w.get(Numbers.FLOAT, d + 4L * i);
    }
    return sums;
  }
}
