package org.pyramiddrop.kernels.cpu;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The sum of squares in double: lanes, then chunks of a fixed size, each in their order. */
final class SquaredNorm {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final VectorSpecies<Double> D = F.withLanes(double.class);

  /** Numbers of a chunk. */
  private static final int CHUNK = 1 << 16;

  private SquaredNorm() {}

  static double of(CpuTensor x, Workers workers) {
    double[] sums = new double[MatrixProduct.ceilDiv(x.size(), CHUNK)];
    workers.run(
        sums.length,
        (chunk, worker) -> {
          int first = chunk * CHUNK;
          int count = Math.min(CHUNK, x.size() - first);
          sums[chunk] = sum(x.data(), x.offset() + first, count);
        });
    double total = 0;
    for (double sum : sums) {
      total += sum;
    }
    return total;
  }

  private static double sum(float[] x, int at, int count) {
    DoubleVector low = DoubleVector.zero(D);
    DoubleVector high = low;
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector v = FloatVector.fromArray(F, x, at + i);
      DoubleVector a = (DoubleVector) v.convertShape(VectorOperators.F2D, D, 0);
      DoubleVector b = (DoubleVector) v.convertShape(VectorOperators.F2D, D, 1);
      low = a.fma(a, low);
      high = b.fma(b, high);
    }
    double total = 0;
    for (double lane : low.add(high).toArray()) {
      total += lane;
    }
    for (int i = bound; i < count; i++) {
      total += (double) x[at + i] * x[at + i];
    }
    return total;
  }
}
