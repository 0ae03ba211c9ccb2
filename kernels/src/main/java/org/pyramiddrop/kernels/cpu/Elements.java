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
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(i, count);
      FloatVector g = FloatVector.fromArray(F, gate, gi + i, in);
      FloatVector u = FloatVector.fromArray(F, up, ui + i, in);
      FloatVector d = FloatVector.fromArray(F, dy, di + i, in);
      FloatVector s = Lanes.sigmoid(g);
      Lanes.sigmoidWeightedSlope(g, s).mul(u).mul(d).intoArray(dGate, dgi + i, in);
      s.mul(g).mul(d).intoArray(dUp, dui + i, in);
    }
  }

  /** {@code dx = dy ∘ gelu'(x)}; {@code dx} may be {@code dy}. */
  static void geluGradient(float[] x, int at, float[] dy, int di, float[] dx, int to, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(i, count);
      FloatVector slope = Lanes.geluSlope(FloatVector.fromArray(F, x, at + i, in));
      FloatVector.fromArray(F, dy, di + i, in).mul(slope).intoArray(dx, to + i, in);
    }
  }

  /** {@code dx = dy ∘ quickGelu'(x)}; {@code dx} may be {@code dy}. */
  static void quickGeluGradient(
      float[] x, int at, float[] dy, int di, float[] dx, int to, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(i, count);
      FloatVector scaled = FloatVector.fromArray(F, x, at + i, in).mul(1.702f);
      FloatVector slope = Lanes.sigmoidWeightedSlope(scaled, Lanes.sigmoid(scaled));
      FloatVector.fromArray(F, dy, di + i, in).mul(slope).intoArray(dx, to + i, in);
    }
  }
}
