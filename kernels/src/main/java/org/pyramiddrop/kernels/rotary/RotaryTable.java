package org.pyramiddrop.kernels.rotary;

/**
 * Cosines and sines as {@link org.pyramiddrop.kernels.Kernels#rotary} defines them, {@code headSize
 * / 2} of each a position.
 */
public final class RotaryTable {
  /** Enough for an image of the most tiles and a question; 4 MiB for heads of 128. */
  private static final int INITIAL_LENGTH = 8192;

  private final float[] cos;
  private final float[] sin;

  private RotaryTable(float[] cos, float[] sin) {
    this.cos = cos;
    this.sin = sin;
  }

  /**
   * How many positions to tabulate where so many are needed: more, so that a table grows seldom.
   *
   * @throws IllegalArgumentException if more are needed than there may be
   */
  public static int length(int needed, int most) {
    if (needed > most) {
      throw new IllegalArgumentException(
          "%d positions are needed, but there are %d at most".formatted(needed, most));
    }
    int length = INITIAL_LENGTH;
    while (length < needed) {
      length = (int) Math.min(2L * length, most);
    }
    return Math.min(length, most);
  }

  /** Tabulates positions 0 to {@code positions - 1}. */
  public static RotaryTable of(int headSize, double theta, int positions) {
    int half = headSize / 2;
    float[] cos = new float[Math.multiplyExact(positions, half)];
    float[] sin = new float[cos.length];
    for (int c = 0; c < half; c++) {
      // The reference rounds each step to float32: at position 4000 an exact frequency would turn
      // by another angle, 2e-4 away.
      float frequency = 1 / (float) Math.pow(theta, 2f * c / headSize);
      for (int p = 0; p < positions; p++) {
        float angle = p * frequency;
        cos[p * half + c] = (float) Math.cos(angle);
        sin[p * half + c] = (float) Math.sin(angle);
      }
    }
    return new RotaryTable(cos, sin);
  }

  /** Position p, pair c at {@code p · headSize / 2 + c}. */
  public float[] cos() {
    return cos;
  }

  /** Laid out as {@link #cos}. */
  public float[] sin() {
    return sin;
  }
}
