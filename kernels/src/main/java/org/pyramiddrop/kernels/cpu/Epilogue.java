package org.pyramiddrop.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;

/** What happens to a product's sums while they are still in the cache. */
final class Epilogue {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;

  private Epilogue() {}

  /** Adds a bias to {@code x[at .. at+count)} and applies the activation, in place. */
  static void apply(
      Activation activation, float @Nullable [] bias, int biasAt, float[] x, int at, int count) {
    if (bias != null) {
      Elements.addScaled(bias, biasAt, 1, x, at, count);
    }
    switch (activation) {
      case NONE, ADD -> {}
      case GELU -> gelu(x, at, count);
      case QUICK_GELU -> sigmoidWeighted(x, at, 1.702f, count);
    }
  }

  /**
   * x·Φ(x), absolute error below 4e-7: Φ's tail by Abramowitz and Stegun 7.1.26, which for a
   * negative x leaves no cancellation.
   */
  private static void gelu(float[] x, int at, int count) {
    float[] e = Elements.bell(x, at, count);
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(i, count);
      FloatVector v = FloatVector.fromArray(F, x, at + i, in);
      FloatVector z = v.abs().mul(0.70710678f);
      FloatVector one = FloatVector.broadcast(F, 1f);
      FloatVector t = one.div(z.fma(FloatVector.broadcast(F, 0.3275911f), one));
      FloatVector p = FloatVector.broadcast(F, 1.061405429f);
      p = p.fma(t, FloatVector.broadcast(F, -1.453152027f));
      p = p.fma(t, FloatVector.broadcast(F, 1.421413741f));
      p = p.fma(t, FloatVector.broadcast(F, -0.284496736f));
      p = p.fma(t, FloatVector.broadcast(F, 0.254829592f));
      FloatVector tail = v.mul(p.mul(t).mul(0.5f)).mul(FloatVector.fromArray(F, e, i, in));
      v.sub(tail).blend(tail, v.lt(0f)).intoArray(x, at + i, in);
    }
  }

  /** x·σ(slope·x), in place. */
  private static void sigmoidWeighted(float[] x, int at, float slope, int count) {
    float[] e = new float[count];
    Exponential.of(x, at, -slope, 0, e, 0, count);
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(i, count);
      FloatVector below = FloatVector.fromArray(F, e, i, in).add(1f);
      FloatVector.fromArray(F, x, at + i, in).div(below).intoArray(x, at + i, in);
    }
  }

  /** {@code out = silu(gate) ∘ up} over {@code count} numbers; no input overlaps {@code out}. */
  static void gate(float[] gates, int gate, float[] ups, int up, float[] out, int at, int count) {
    Exponential.of(gates, gate, -1, 0, out, at, count);
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(i, count);
      FloatVector below = FloatVector.fromArray(F, out, at + i, in).add(1f);
      FloatVector.fromArray(F, gates, gate + i, in)
          .div(below)
          .mul(FloatVector.fromArray(F, ups, up + i, in))
          .intoArray(out, at + i, in);
    }
  }
}
