package org.pyramiddrop.training;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.stream.IntStream;
import org.pyramiddrop.loader.StoredTensor;

/** A matrix with its LoRA in it. */
final class MergedMatrix {
  /** What the name of a LoRA's first matrix has behind its module's. */
  static final String A = ".lora_A.weight";

  /** The same of the second. */
  static final String B = ".lora_B.weight";

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

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
            merged[at] = (float) (number(w, at) + scale * sums[c]);
          }
        });
    return merged;
  }

  private static float number(StoredTensor tensor, long index) {
    MemorySegment data = tensor.data();
    return switch (tensor.type()) {
      case F32 -> data.get(FLOAT, 4 * index);
      case F16 -> Float.float16ToFloat(data.get(SHORT, 2 * index));
      case BF16 -> Float.intBitsToFloat(data.get(SHORT, 2 * index) << Short.SIZE);
      default -> throw new IllegalArgumentException(tensor.name() + " is " + tensor.type());
    };
  }
}
