package org.pyramiddrop.training.files;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.loader.StoredType;
import org.pyramiddrop.transformer.engine.WeightConversion;

/** Float32 numbers as files store them: rounded to the nearest, halves to even. */
final class StoredNumbers {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private StoredNumbers() {}

  /** How files call a type. */
  static StoredType type(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> StoredType.F32;
      case FLOAT16 -> StoredType.F16;
      case BFLOAT16 -> StoredType.BF16;
      case INT8, INT4, FP8 -> throw dtype.notSingle();
    };
  }

  /**
   * Writes trained numbers.
   *
   * @param name of their tensor, for messages
   * @throws IllegalArgumentException if there are not as many as the tensor has, or one is no
   *     finite number, there or in its new type
   */
  static void write(String name, float[] values, StoredType type, MemorySegment out) {
    int bytes = type.bits() / 8;
    if (out.byteSize() != (long) values.length * bytes) {
      throw new IllegalArgumentException(
          "tensor '%s' has %d elements, not %d"
              .formatted(name, out.byteSize() / bytes, values.length));
    }
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new IllegalArgumentException(
            "tensor '%s' has become %s at element %d; the run diverged, and its model isn't saved"
                .formatted(name, values[i], i));
      }
      put(name, i, values[i], type, out);
    }
  }

  /**
   * Writes a tensor's numbers in another type.
   *
   * @throws IllegalArgumentException if a finite one doesn't fit the new type
   */
  static void write(StoredTensor tensor, StoredType type, MemorySegment out) {
    long count = tensor.elements();
    for (long i = 0; i < count; i++) {
      put(tensor.name(), i, tensor.number(i), type, out);
    }
  }

  private static void put(String name, long i, float value, StoredType type, MemorySegment out) {
    float stored;
    switch (type) {
      case F32 -> {
        out.set(FLOAT, Float.BYTES * i, value);
        stored = value;
      }
      case F16 -> {
        short bits = Float.floatToFloat16(value);
        out.set(SHORT, Short.BYTES * i, bits);
        stored = Float.float16ToFloat(bits);
      }
      case BF16 -> {
        short bits = WeightConversion.bfloat16(value);
        out.set(SHORT, Short.BYTES * i, bits);
        stored = Float.intBitsToFloat(bits << Short.SIZE);
      }
      default -> throw new IllegalArgumentException(type + " is no type of weights");
    }
    if (Float.isInfinite(stored) && Float.isFinite(value)) {
      throw new IllegalArgumentException(
          "tensor '%s' has %s at element %d, which is more than %s holds; save in another --dtype"
              .formatted(name, value, i, type));
    }
  }
}
