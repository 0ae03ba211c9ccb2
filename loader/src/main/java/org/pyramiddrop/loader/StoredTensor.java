package org.pyramiddrop.loader;

import java.lang.foreign.MemorySegment;
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
}
