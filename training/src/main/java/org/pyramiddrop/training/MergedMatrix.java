package org.pyramiddrop.training;

import java.util.stream.IntStream;
import org.pyramiddrop.loader.StoredTensor;

/** A matrix with its LoRA in it. */
final class MergedMatrix {
  private MergedMatrix() {}

  /**
   * {@code w + scale · b · a}, summed in float64.
   *
   * @param w outputs × inputs, as it is stored
   * @param a rank × inputs
   * @param b outputs × rank
   */
  static float[] of(StoredTensor w, float[] a, float[] b, int rank, float scale) {
    int outputs = Math.toIntExact(w.shape().get(0));
    int inputs = Math.toIntExact(w.shape().get(1));
    float[] merged = new float[Math.multiplyExact(outputs, inputs)];
    IntStream.range(0, outputs)
        .parallel()
        .forEach(row -> {
          double[] sums = new double[inputs];
          for (int r = 0; r < rank; r++) {
            double factor = b[row * rank + r];
            for (int c = 0; c < inputs; c++) {
              sums[c] += factor * a[r * inputs + c];
            }
          }
          for (int c = 0; c < inputs; c++) {
            int at = row * inputs + c;
            merged[at] = (float) (w.number(at) + scale * sums[c]);
          }
        });
    return merged;
  }
}
