package org.pyramiddrop.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Numbers as a checkpoint stores them. */
public final class Stored {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Stored() {}

  /** The nearest number that the dtype has. */
  public static float round(DType dtype, float value) {
    return decode(dtype, encode(dtype, value));
  }

  /** Half the distance of neighbours near a value: what storing it may round off. */
  static double halfStep(DType dtype, double value) {
    if (!Double.isFinite(value)) {
      return 0;
    }
    return switch (dtype) {
      // Sums in float32 are rounded like this many times; that is left to the tolerance.
      case FLOAT32 -> 0;
      case FLOAT16 -> Math.scalb(1.0, Math.max(Math.getExponent(value), -14) - 11);
      case BFLOAT16 -> Math.scalb(1.0, Math.max(Math.getExponent(value), -126) - 8);
      case INT8, INT4, FP8 -> throw dtype.notSingle();
    };
  }

  /** The bits of the nearest number that the dtype has; ties go to the even one. */
  static int encode(DType dtype, float value) {
    return switch (dtype) {
      case FLOAT32 -> Float.floatToRawIntBits(value);
      case FLOAT16 -> Float.floatToFloat16(value) & 0xffff;
      case BFLOAT16 -> {
        int bits = Float.floatToRawIntBits(value);
        yield Float.isNaN(value)
            ? (bits >>> 16) | 0x40
            : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
      }
      case INT8, INT4, FP8 -> throw dtype.notSingle();
    };
  }

  static float decode(DType dtype, int bits) {
    return switch (dtype) {
      case FLOAT32 -> Float.intBitsToFloat(bits);
      case FLOAT16 -> Float.float16ToFloat((short) bits);
      case BFLOAT16 -> Float.intBitsToFloat(bits << 16);
      case INT8, INT4, FP8 -> throw dtype.notSingle();
    };
  }

  /** A matrix at an odd address, so that no number is aligned. */
  public static HostMatrix matrix(DType dtype, float[] values, int columns) {
    int[] bits = new int[values.length];
    Arrays.setAll(bits, i -> encode(dtype, values[i]));
    return matrix(dtype, bits, columns);
  }

  static HostMatrix matrix(DType dtype, int[] bits, int columns) {
    long bytes = (long) bits.length * dtype.bytes();
    MemorySegment data = Arena.ofAuto().allocate(bytes + 1, 16).asSlice(1, bytes);
    for (int i = 0; i < bits.length; i++) {
      if (dtype.bytes() == 4) {
        data.set(INT, 4L * i, bits[i]);
      } else {
        data.set(SHORT, 2L * i, (short) bits[i]);
      }
    }
    return new HostMatrix(dtype, data, bits.length / columns, columns);
  }
}
