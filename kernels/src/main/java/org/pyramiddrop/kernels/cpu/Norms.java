package org.pyramiddrop.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Normalisation of one row at a time. */
final class Norms {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;

  private Norms() {}

  static void rms(
      float[] x, int at, int count, float[] w, int wi, float epsilon, float[] out, int to) {
    float scale = scale(x, at, count, 0, epsilon);
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector.fromArray(F, x, at + i)
          .mul(scale)
          .mul(FloatVector.fromArray(F, w, wi + i))
          .intoArray(out, to + i);
    }
    for (int i = bound; i < count; i++) {
      out[to + i] = x[at + i] * scale * w[wi + i];
    }
  }

  static void layer(
      float[] x,
      int at,
      int count,
      float[] w,
      int wi,
      float[] bias,
      int bi,
      float epsilon,
      float[] out,
      int to) {
    float mean = mean(x, at, count);
    float scale = scale(x, at, count, mean, epsilon);
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector.fromArray(F, x, at + i)
          .sub(mean)
          .mul(scale)
          .fma(FloatVector.fromArray(F, w, wi + i), FloatVector.fromArray(F, bias, bi + i))
          .intoArray(out, to + i);
    }
    for (int i = bound; i < count; i++) {
      out[to + i] = (x[at + i] - mean) * scale * w[wi + i] + bias[bi + i];
    }
  }

  /** The mean of a row. */
  static float mean(float[] x, int at, int count) {
    // In a long row the sum's rounding error is too large for the mean. The differences from a
    // first estimate are small, and so is the error of their sum.
    float estimate = (float) (sum(x, at, count, 0) / count);
    return (float) (estimate + sum(x, at, count, estimate) / count);
  }

  /** What a row's differences from its mean, or from 0, are multiplied with. */
  static float scale(float[] x, int at, int count, float mean, float epsilon) {
    return (float) (1 / Math.sqrt(sumOfSquares(x, at, count, mean) / count + epsilon));
  }

  private static double sum(float[] x, int at, int count, float less) {
    FloatVector sum = FloatVector.zero(F);
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      sum = sum.add(FloatVector.fromArray(F, x, at + i).sub(less));
    }
    double total = Lanes.sum(sum);
    for (int i = bound; i < count; i++) {
      total += x[at + i] - less;
    }
    return total;
  }

  private static double sumOfSquares(float[] x, int at, int count, float mean) {
    FloatVector sum = FloatVector.zero(F);
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector v = FloatVector.fromArray(F, x, at + i).sub(mean);
      sum = v.fma(v, sum);
    }
    double total = Lanes.sum(sum);
    for (int i = bound; i < count; i++) {
      double v = x[at + i] - mean;
      total += v * v;
    }
    return total;
  }
}
