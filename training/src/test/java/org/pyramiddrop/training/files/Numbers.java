package org.pyramiddrop.training.files;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;
import org.pyramiddrop.loader.StoredTensor;

/** Numbers to write, and what was written. */
final class Numbers {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Numbers() {}

  static float[] random(int count, Random random) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) (0.3 * random.nextGaussian());
    }
    return numbers;
  }

  /** A tensor's numbers, widened. */
  static float[] floats(StoredTensor tensor) {
    MemorySegment data = tensor.data();
    float[] floats = new float[Math.toIntExact(tensor.elements())];
    for (int i = 0; i < floats.length; i++) {
      floats[i] =
          switch (tensor.type()) {
            case F32 -> data.get(FLOAT, 4L * i);
            case F16 -> Float.float16ToFloat(data.get(SHORT, 2L * i));
            case BF16 -> Float.intBitsToFloat(data.get(SHORT, 2L * i) << 16);
            default -> throw new IllegalArgumentException(tensor.toString());
          };
    }
    return floats;
  }

  /** For comparison of every bit, those of NaN and of zero's sign included. */
  static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }
}
