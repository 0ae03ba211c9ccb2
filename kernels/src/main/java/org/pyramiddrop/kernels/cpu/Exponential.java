package org.pyramiddrop.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * e to the power of a run of numbers, which softmax and all activations are made of.
 *
 * <p>A whole run, not a vector, on purpose: the compiler always inlines the Vector API but a method
 * of ours only if it hasn't compiled it by itself before, and if not, boxes each vector. Which came
 * first differed from one start to the next.
 */
final class Exponential {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final float LOG2_E = 1.44269504f;
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;

  /**
   * Added and subtracted again, it rounds a small float to an integer, which its low bits then
   * hold.
   */
  private static final float ROUND = 12582912f;

  private Exponential() {}

  /**
   * {@code out = e^(slope · x + shift)} within 2 units in the last place; 0 where the exponent is
   * below -87, which is capped at 88; NaN stays. {@code out} may be {@code x}.
   *
   * <p>The exponent is n·ln 2 + r with |r| ≤ ln 2 / 2, and e^r the polynomial of Cephes' expf.
   *
   * @return the sum of all results
   */
  static float of(float[] x, int at, float slope, float shift, float[] out, int to, int count) {
    FloatVector slopes = FloatVector.broadcast(F, slope);
    FloatVector shifts = FloatVector.broadcast(F, shift);
    FloatVector sum = FloatVector.zero(F);
    for (int i = 0; i < count; i += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(i, count);
      FloatVector exponent = FloatVector.fromArray(F, x, at + i, in).fma(slopes, shifts);
      VectorMask<Float> tiny = exponent.lt(-87f);
      FloatVector bounded = exponent.blend(-87f, tiny);
      bounded = bounded.blend(88f, bounded.compare(VectorOperators.GT, 88f));
      FloatVector shifted =
          bounded.fma(FloatVector.broadcast(F, LOG2_E), FloatVector.broadcast(F, ROUND));
      FloatVector n = shifted.sub(ROUND);
      FloatVector r = n.fma(FloatVector.broadcast(F, -LN2_HIGH), bounded);
      r = n.fma(FloatVector.broadcast(F, -LN2_LOW), r);
      FloatVector p = FloatVector.broadcast(F, 1.9875691500e-4f);
      p = p.fma(r, FloatVector.broadcast(F, 1.3981999507e-3f));
      p = p.fma(r, FloatVector.broadcast(F, 8.3334519073e-3f));
      p = p.fma(r, FloatVector.broadcast(F, 4.1665795894e-2f));
      p = p.fma(r, FloatVector.broadcast(F, 1.6666665459e-1f));
      p = p.fma(r, FloatVector.broadcast(F, 5.0000001201e-1f));
      p = p.fma(r.mul(r), r.add(1f));
      IntVector power = shifted.reinterpretAsInts().add(127).lanewise(VectorOperators.LSHL, 23);
      FloatVector e = p.mul(power.reinterpretAsFloats()).blend(0f, tiny);
      e.intoArray(out, to + i, in);
      sum = sum.add(e, in);
    }
    return Lanes.sum(sum);
  }
}
