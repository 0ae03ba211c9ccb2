package org.pyramiddrop.transformer.engine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.pyramiddrop.kernels.DType;

/** Weights from one dtype to another, rounded to the nearest and halves to even. */
public final class WeightConversion {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private WeightConversion() {}

  public static void convert(
      DType from, MemorySegment data, DType to, MemorySegment out, long count) {
    for (long i = 0; i < count; i++) {
      float value =
          switch (from) {
            case FLOAT32 -> data.get(FLOAT, 4 * i);
            case FLOAT16 -> Float.float16ToFloat(data.get(SHORT, 2 * i));
            case BFLOAT16 -> Float.intBitsToFloat(data.get(SHORT, 2 * i) << 16);
          };
      switch (to) {
        case FLOAT32 -> out.set(FLOAT, 4 * i, value);
        case FLOAT16 -> out.set(SHORT, 2 * i, Float.floatToFloat16(value));
        case BFLOAT16 -> out.set(SHORT, 2 * i, bfloat16(value));
      }
    }
  }

  public static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }
}
