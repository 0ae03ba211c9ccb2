package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.pyramiddrop.kernels.DType;

/** Stored numbers made floats: exact for every dtype, subnormal, infinite and NaN ones included. */
final class Numbers {
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Numbers() {}

  /** Widens {@code count} numbers from {@code bytes} on into {@code out[at ..]}. */
  static void widen(DType dtype, MemorySegment from, long bytes, float[] out, int at, int count) {
    scatter(dtype, from, bytes, out, at, 1, count);
  }

  /** Widens {@code count} numbers into {@code out[at]}, {@code out[at + stride]} and so on. */
  static void scatter(
      DType dtype, MemorySegment from, long bytes, float[] out, int at, int stride, int count) {
    switch (dtype) {
      case FLOAT32 -> {
        for (int i = 0; i < count; i++) {
          out[at + i * stride] = from.get(FLOAT, bytes + 4L * i);
        }
      }
      case FLOAT16 -> {
        for (int i = 0; i < count; i++) {
          out[at + i * stride] = Float.float16ToFloat(from.get(SHORT, bytes + 2L * i));
        }
      }
      case BFLOAT16 -> {
        for (int i = 0; i < count; i++) {
          out[at + i * stride] = bfloat16(from.get(SHORT, bytes + 2L * i));
        }
      }
      case INT8, INT4, FP8 -> throw dtype.notSingle();
    }
  }

  static float bfloat16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }
}
