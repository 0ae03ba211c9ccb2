package org.pyramiddrop.transformer.pruning;

import java.io.Serializable;

/** Which tokens stay. Among equals the lower index is preferred; NaN ranks lowest. */
public sealed interface Choice extends Serializable {

  /** Those that score highest. */
  record TopK() implements Choice {}

  /**
   * First the token whose nearest other one is farthest, then again and again the one whose nearest
   * chosen one is farthest, by 1 - cosine (DivPrune, Alvar et al. 2025).
   */
  record MaxMin() implements Choice {}

  /**
   * Again and again the token that makes the determinant of the chosen ones' kernel {@code r_i ·
   * cos(i, j) · r_j} largest, r being the score (CDPruner, Zhang et al. 2025).
   */
  record Determinantal() implements Choice {}

  /**
   * Chance, the control that every other choice is to be held against.
   *
   * @param seed which rows stay is a function of it, of the picture's place in the prompt and, in
   *     the vision tower, of the crop; nothing else
   */
  record Random(long seed) implements Choice {
    /**
     * Draws rows.
     *
     * @param picture the picture's place in the prompt, from 0
     * @param crop the crop's place in the picture; 0 behind the projector
     * @return {@code keep} of the numbers 0 to {@code count - 1}, ascending
     */
    public int[] rows(int picture, int crop, int count, int keep) {
      java.util.Random random =
          new java.util.Random(seed ^ picture * 0x9E3779B97F4A7C15L ^ crop * 0xC2B2AE3D27D4EB4FL);
      int[] rows = new int[keep];
      int taken = 0;
      // Each row is taken with the chance that is left for it (Fan, Muller and Rezucha 1962).
      for (int row = 0; taken < keep; row++) {
        if (random.nextInt(count - row) < keep - taken) {
          rows[taken++] = row;
        }
      }
      return rows;
    }
  }
}
