package org.pyramiddrop.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector width, and functions of a vector of floats.
 *
 * <p>The width is the widest the machine has, unless the system property {@code
 * pyramiddrop.vectorBits} names another (128, 256 or 512), which tests use. It must be a constant
 * for the compiler, hence static.
 */
final class Lanes {
  static final VectorSpecies<Float> FLOATS =
      floats(Integer.getInteger("pyramiddrop.vectorBits", 0));
  static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);

  /** Floats in a vector. */
  static final int COUNT = FLOATS.length();

  private static final VectorShuffle<Float> BY_1 = rotation(1);
  private static final VectorShuffle<Float> BY_2 = rotation(2);
  private static final VectorShuffle<Float> BY_4 = rotation(4);
  private static final VectorShuffle<Float> BY_8 = rotation(8);

  private static final float LOG2_E = 1.44269504f;
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;

  /**
   * Added and subtracted again, it rounds a small float to an integer, which its low bits then
   * hold.
   */
  private static final float ROUND = 12582912f;

  private Lanes() {}

  private static VectorSpecies<Float> floats(int bits) {
    return switch (bits) {
      case 0 -> FloatVector.SPECIES_PREFERRED;
      case 128 -> FloatVector.SPECIES_128;
      case 256 -> FloatVector.SPECIES_256;
      case 512 -> FloatVector.SPECIES_512;
      default ->
          throw new IllegalArgumentException(
              "pyramiddrop.vectorBits must be 128, 256 or 512, not " + bits);
    };
  }

  /**
   * e^x within 2 units in the last place; 0 below -87, capped at e^88, NaN stays.
   *
   * <p>x = n·ln 2 + r with |r| ≤ ln 2 / 2, and e^r by the polynomial of Cephes' expf.
   */
  static FloatVector exp(FloatVector x) {
    VectorMask<Float> tiny = x.lt(-87f);
    FloatVector bounded = x.blend(-87f, tiny);
    bounded = bounded.blend(88f, bounded.compare(VectorOperators.GT, 88f));
    FloatVector shifted = bounded.fma(splat(LOG2_E), splat(ROUND));
    FloatVector n = shifted.sub(ROUND);
    FloatVector r = n.fma(splat(-LN2_LOW), n.fma(splat(-LN2_HIGH), bounded));
    FloatVector p = splat(1.9875691500e-4f);
    p = p.fma(r, splat(1.3981999507e-3f));
    p = p.fma(r, splat(8.3334519073e-3f));
    p = p.fma(r, splat(4.1665795894e-2f));
    p = p.fma(r, splat(1.6666665459e-1f));
    p = p.fma(r, splat(5.0000001201e-1f));
    p = p.fma(r.mul(r), r.add(1f));
    IntVector power = shifted.reinterpretAsInts().add(127).lanewise(VectorOperators.LSHL, 23);
    return p.mul(power.reinterpretAsFloats()).blend(0f, tiny);
  }

  /** x·σ(slope·x): SiLU at slope 1, quick-GELU at 1.702. */
  static FloatVector sigmoidWeighted(FloatVector x, float slope) {
    return x.div(exp(x.mul(-slope)).add(1f));
  }

  /** σ(x) = 1 / (1 + e^-x). */
  static FloatVector sigmoid(FloatVector x) {
    return splat(1f).div(exp(x.neg()).add(1f));
  }

  /**
   * The derivative of x·σ(ax) where {@code scaled} is ax and {@code sigmoid} its σ: σ·(1 + ax·(1 -
   * σ)).
   */
  static FloatVector sigmoidWeightedSlope(FloatVector scaled, FloatVector sigmoid) {
    // Not splat(1f).sub(…): past some size of a loop the compiler no longer inlines splat, and
    // boxes.
    return sigmoid.neg().add(1f).mul(scaled).add(1f).mul(sigmoid);
  }

  /**
   * x·Φ(x), absolute error below 4e-7: Φ's tail by Abramowitz and Stegun 7.1.26, which for a
   * negative x leaves no cancellation.
   */
  static FloatVector gelu(FloatVector x) {
    FloatVector z = x.abs().mul(0.70710678f);
    FloatVector t = splat(1f).div(z.fma(splat(0.3275911f), splat(1f)));
    FloatVector p = splat(1.061405429f);
    p = p.fma(t, splat(-1.453152027f));
    p = p.fma(t, splat(1.421413741f));
    p = p.fma(t, splat(-0.284496736f));
    p = p.fma(t, splat(0.254829592f));
    FloatVector tail = x.mul(p.mul(t).mul(0.5f)).mul(exp(z.mul(z).neg()));
    return x.sub(tail).blend(tail, x.lt(0f));
  }

  /** The derivative of x·Φ(x), Φ(x) + x·φ(x), with {@link #gelu}'s tail. */
  static FloatVector geluSlope(FloatVector x) {
    FloatVector z = x.abs().mul(0.70710678f);
    FloatVector t = splat(1f).div(z.fma(splat(0.3275911f), splat(1f)));
    FloatVector p = splat(1.061405429f);
    p = p.fma(t, splat(-1.453152027f));
    p = p.fma(t, splat(1.421413741f));
    p = p.fma(t, splat(-0.284496736f));
    p = p.fma(t, splat(0.254829592f));
    FloatVector e = exp(z.mul(z).neg());
    FloatVector tail = p.mul(t).mul(0.5f).mul(e);
    FloatVector normal = tail.neg().add(1f).blend(tail, x.lt(0f));
    return x.mul(0.39894228f).fma(e, normal);
  }

  /**
   * The sum of all lanes, by halves. {@code reduceLanes} leaves the order open, and does add in
   * another order once compiled, so that the same input would give other bits later.
   */
  static float sum(FloatVector x) {
    FloatVector sum = x;
    if (COUNT > 8) {
      sum = sum.add(sum.rearrange(BY_8));
    }
    if (COUNT > 4) {
      sum = sum.add(sum.rearrange(BY_4));
    }
    sum = sum.add(sum.rearrange(BY_2));
    return sum.add(sum.rearrange(BY_1)).lane(0);
  }

  private static VectorShuffle<Float> rotation(int lanes) {
    return VectorShuffle.iota(FLOATS, lanes % COUNT, 1, true);
  }

  static FloatVector splat(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }
}
