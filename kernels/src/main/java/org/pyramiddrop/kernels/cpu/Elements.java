package org.pyramiddrop.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/** Functions of single elements and their gradients, over runs of numbers. */
final class Elements {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;

  private Elements() {}

  /** {@code out += factor · x}. */
  static void addScaled(float[] x, int at, float factor, float[] out, int to, int count) {
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector scaled = FloatVector.fromArray(F, x, at + i).mul(factor);
      FloatVector.fromArray(F, out, to + i).add(scaled).intoArray(out, to + i);
    }
    for (int i = bound; i < count; i++) {
      out[to + i] += factor * x[at + i];
    }
  }

  /** {@code out += a + b + c + d}, which reads and writes {@code out} once for four rows. */
  static void addFour(float[] x, int a, int b, int c, int d, float[] out, int to, int count) {
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector first =
          FloatVector.fromArray(F, x, a + i).add(FloatVector.fromArray(F, x, b + i));
      FloatVector next = FloatVector.fromArray(F, x, c + i).add(FloatVector.fromArray(F, x, d + i));
      FloatVector.fromArray(F, out, to + i).add(first.add(next)).intoArray(out, to + i);
    }
    for (int i = bound; i < count; i++) {
      out[to + i] += (x[a + i] + x[b + i]) + (x[c + i] + x[d + i]);
    }
  }

  /**
   * The gradients of {@code silu(gate) ∘ up}; every output may be an input.
   *
   * @param gi where the gate's numbers begin, and so on
   */
  static void siluTimesGradient(
      float[] gate,
      int gi,
      float[] up,
      int ui,
      float[] dy,
      int di,
      float[] dGate,
      int dgi,
      float[] dUp,
      int dui,
      int count) {
    float[] e = new float[count];
    Exponential.of(gate, gi, -1, 0, e, 0, count);
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(i, count);
      FloatVector g = FloatVector.fromArray(F, gate, gi + i, in);
      FloatVector u = FloatVector.fromArray(F, up, ui + i, in);
      FloatVector d = FloatVector.fromArray(F, dy, di + i, in);
      FloatVector s = FloatVector.broadcast(F, 1f).div(FloatVector.fromArray(F, e, i, in).add(1f));
      // The derivative of x·σ(x) is σ·(1 + x·(1 - σ)).
      s.neg().add(1f).mul(g).add(1f).mul(s).mul(u).mul(d).intoArray(dGate, dgi + i, in);
      s.mul(g).mul(d).intoArray(dUp, dui + i, in);
    }
  }

  /**
   * {@code dx = dy ∘ gelu'(x)}, Φ(x) + x·φ(x), with the forward pass's tail of Φ; {@code dx} may be
   * {@code dy}.
   */
  static void geluGradient(float[] x, int at, float[] dy, int di, float[] dx, int to, int count) {
    float[] bell = bell(x, at, count);
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(i, count);
      FloatVector v = FloatVector.fromArray(F, x, at + i, in);
      FloatVector e = FloatVector.fromArray(F, bell, i, in);
      FloatVector z = v.abs().mul(0.70710678f);
      FloatVector one = FloatVector.broadcast(F, 1f);
      FloatVector t = one.div(z.fma(FloatVector.broadcast(F, 0.3275911f), one));
      FloatVector p = FloatVector.broadcast(F, 1.061405429f);
      p = p.fma(t, FloatVector.broadcast(F, -1.453152027f));
      p = p.fma(t, FloatVector.broadcast(F, 1.421413741f));
      p = p.fma(t, FloatVector.broadcast(F, -0.284496736f));
      p = p.fma(t, FloatVector.broadcast(F, 0.254829592f));
      FloatVector tail = p.mul(t).mul(0.5f).mul(e);
      FloatVector normal = tail.neg().add(1f).blend(tail, v.lt(0f));
      FloatVector slope = v.mul(0.39894228f).fma(e, normal);
      FloatVector.fromArray(F, dy, di + i, in).mul(slope).intoArray(dx, to + i, in);
    }
  }

  /** {@code dx = dy ∘ quickGelu'(x)}; {@code dx} may be {@code dy}. */
  static void quickGeluGradient(
      float[] x, int at, float[] dy, int di, float[] dx, int to, int count) {
    float[] e = new float[count];
    Exponential.of(x, at, -1.702f, 0, e, 0, count);
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(i, count);
      FloatVector scaled = FloatVector.fromArray(F, x, at + i, in).mul(1.702f);
      FloatVector s = FloatVector.broadcast(F, 1f).div(FloatVector.fromArray(F, e, i, in).add(1f));
      FloatVector slope = s.neg().add(1f).mul(scaled).add(1f).mul(s);
      FloatVector.fromArray(F, dy, di + i, in).mul(slope).intoArray(dx, to + i, in);
    }
  }

  /** {@code e^(-x²/2)}, which Φ's tail and its derivative have as a factor. */
  static float[] bell(float[] x, int at, int count) {
    float[] e = new float[count];
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(i, count);
      FloatVector z = FloatVector.fromArray(F, x, at + i, in).mul(0.70710678f);
      z.mul(z).intoArray(e, i, in);
    }
    Exponential.of(e, 0, -1, 0, e, 0, count);
    return e;
  }
}
