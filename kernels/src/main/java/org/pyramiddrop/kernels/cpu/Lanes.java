package org.pyramiddrop.kernels.cpu;

import jdk.incubator.vector.FloatVector;
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

  /** The same of {@code x[at .. at+COUNT)}: where a call is not inlined, no vector is boxed. */
  static float sum(float[] x, int at) {
    return sum(FloatVector.fromArray(FLOATS, x, at));
  }

  private static VectorShuffle<Float> rotation(int lanes) {
    return VectorShuffle.iota(FLOATS, lanes % COUNT, 1, true);
  }

  static FloatVector splat(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }
}
