package org.pyramiddrop.kernels;

/**
 * Eight-bit floats, E4M3: a sign, four bits of exponent with a bias of 7, three of mantissa
 * (Micikevicius et al. 2022, "FP8 Formats for Deep Learning"). There is no infinity; all ones are
 * NaN. Magnitudes reach from 2⁻⁹, the smallest subnormal number, to {@link #MAX}.
 */
public final class Float8 {
  /** The largest number. */
  public static final float MAX = 448;

  private static final int MAX_BITS = 0x7e;
  private static final int NAN_BITS = 0x7f;

  /** 2⁻⁶, from which on numbers have all their bits. */
  private static final float SMALLEST_NORMAL = 0x1p-6f;

  /** Bits of a float's mantissa that this one's lacks. */
  private static final int LOST_BITS = 20;

  /** What the bits of the same number differ by, behind the lost ones: both biases, in place. */
  private static final int BIAS_BITS = (127 - 7) << 3;

  private Float8() {}

  /** The number that these bits are, exactly. */
  public static float toFloat(byte bits) {
    if (isNaN(bits)) {
      return Float.NaN;
    }
    int sign = (bits & 0x80) << 24;
    // In place as a float's, but for the bias; subnormal numbers are subnormal there, too.
    return Float.intBitsToFloat(sign | (bits & 0x7f) << LOST_BITS) * 0x1p120f;
  }

  /** Whether these bits are NaN's. */
  public static boolean isNaN(byte bits) {
    return (bits & 0x7f) == NAN_BITS;
  }

  /** The nearest number, of two the even one; beyond {@link #MAX} that, with x's sign. */
  public static byte of(float x) {
    int bits = Float.floatToRawIntBits(x);
    int sign = bits >>> 24 & 0x80;
    float magnitude = Math.abs(x);
    int rounded;
    if (Float.isNaN(x)) {
      rounded = NAN_BITS;
    } else if (magnitude < SMALLEST_NORMAL) {
      rounded = (int) Math.rint(magnitude * 0x1p9f);
    } else {
      int kept = bits & Integer.MAX_VALUE;
      int half = (1 << (LOST_BITS - 1)) - 1 + (kept >> LOST_BITS & 1);
      rounded = Math.min(MAX_BITS, ((kept + half) >>> LOST_BITS) - BIAS_BITS);
    }
    return (byte) (sign | rounded);
  }
}
