package org.pyramiddrop.loader;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/**
 * A tensor as it lies in a safetensors file: row-major, little-endian, memory-mapped.
 *
 * @param name its name in the file
 * @param type the type of its elements
 * @param shape its dimensions, outermost first; empty for a scalar
 * @param data its bytes, read-only, exactly as many as shape and type ask for. They may start at
 *     any byte, so read them with unaligned layouts. They are gone once the file is closed.
 */
public record StoredTensor(String name, StoredType type, List<Long> shape, MemorySegment data) {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Checks that the data is as long as the shape and type say. */
  public StoredTensor {
    shape = List.copyOf(shape);
    long bits = type.bits();
    for (long dim : shape) {
      bits = Math.multiplyExact(bits, dim);
    }
    if (bits % 8 != 0 || bits / 8 != data.byteSize()) {
      throw new IllegalArgumentException(
          "tensor '"
              + name
              + "' of "
              + type
              + " "
              + shape
              + " can't have "
              + data.byteSize()
              + " bytes");
    }
    data = data.asReadOnly();
  }

  /** How many elements it has; 1 for a scalar. */
  public long elements() {
    long elements = 1;
    for (long dim : shape) {
      elements *= dim;
    }
    return elements;
  }

  /** The size of one dimension, counted from the outermost. */
  public int dim(int axis) {
    return Math.toIntExact(shape.get(axis));
  }

  /**
   * An element of a tensor of weights, in row-major order.
   *
   * @throws IllegalArgumentException if the type is none of weights
   */
  public float number(long index) {
    return switch (type) {
      case F32 -> data.get(FLOAT, Float.BYTES * index);
      case F16 -> Float.float16ToFloat(data.get(SHORT, Short.BYTES * index));
      case BF16 -> Float.intBitsToFloat(data.get(SHORT, Short.BYTES * index) << Short.SIZE);
      default -> throw new IllegalArgumentException(name + " is " + type + ", no type of weights");
    };
  }
}
