package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The struct that is a kernel's only parameter, field after field, laid out as C lays it out.
 *
 * <p>It is filled anew for each launch and allocates nothing then; a launch copies it, so it can be
 * filled again at once. Its memory is the garbage collector's.
 *
 * <pre>{@code
 * function.launch(stream, blocks, 1, 1, 256, 0, arguments.reset().pointer(x).pointer(out).int32(columns).float32(epsilon));
 * }</pre>
 */
public final class Arguments {
  private final MemorySegment struct;
  private final MemorySegment parameters;
  private int end;
  private int alignment = 1;

  private Arguments(int capacity) {
    Arena arena = Arena.ofAuto();
    struct = arena.allocate(capacity, TensorMap.ALIGNMENT);
    parameters = arena.allocate(ValueLayout.ADDRESS);
    parameters.set(ValueLayout.ADDRESS, 0, struct);
  }

  /**
   * An empty struct.
   *
   * @param capacity the most it can hold, in bytes
   */
  public static Arguments of(int capacity) {
    if (capacity <= 0) {
      throw new IllegalArgumentException("no struct fits into %d bytes".formatted(capacity));
    }
    return new Arguments(roundUp(capacity, Long.BYTES));
  }

  /** Begins at the first field again. */
  public Arguments reset() {
    end = 0;
    alignment = 1;
    return this;
  }

  /** Appends an address on the GPU, C's {@code T *}. */
  public Arguments pointer(long address) {
    return int64(address);
  }

  /** Appends an {@code int}. */
  public Arguments int32(int value) {
    struct.set(ValueLayout.JAVA_INT, nextOffset(Integer.BYTES, Integer.BYTES), value);
    return this;
  }

  /** Appends a {@code float}. */
  public Arguments float32(float value) {
    struct.set(ValueLayout.JAVA_FLOAT, nextOffset(Float.BYTES, Float.BYTES), value);
    return this;
  }

  /** Appends a {@code long long}. */
  public Arguments int64(long value) {
    struct.set(ValueLayout.JAVA_LONG, nextOffset(Long.BYTES, Long.BYTES), value);
    return this;
  }

  /** Appends a {@code CUtensorMap}. */
  public Arguments tensorMap(TensorMap map) {
    int offset = nextOffset(TensorMap.BYTES, TensorMap.ALIGNMENT);
    MemorySegment.copy(map.struct(), 0, struct, offset, TensorMap.BYTES);
    return this;
  }

  /** C's {@code sizeof} the struct of the fields so far. */
  public int size() {
    return roundUp(end, alignment);
  }

  /** The struct, as far as it can reach. */
  MemorySegment struct() {
    return struct;
  }

  /** What a launch takes: an array of one pointer, to the struct. */
  MemorySegment parameters() {
    return parameters;
  }

  /** The offset of a field. */
  private int nextOffset(int size, int multiple) {
    int offset = roundUp(end, multiple);
    if (offset + size > struct.byteSize()) {
      throw new IllegalStateException(
          "the arguments need more than the %d bytes made for them".formatted(struct.byteSize()));
    }
    end = offset + size;
    alignment = Math.max(alignment, multiple);
    return offset;
  }

  private static int roundUp(int value, int multiple) {
    return Math.ceilDiv(value, multiple) * multiple;
  }
}
