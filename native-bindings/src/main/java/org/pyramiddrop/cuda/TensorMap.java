package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.pyramiddrop.cuda.bindings.cuda_h;

/**
 * How the copy engine sees rows of two-byte numbers on the GPU: it brings boxes of 64 columns to
 * shared memory, whose 16-byte chunks change places by the row (CUDA's 128-byte swizzle). What a
 * box has outside of them comes as zeros.
 *
 * <p>Needs compute capability 9.0. Kernels take it by value; it holds nothing on the GPU.
 */
public final class TensorMap {
  /** C's {@code sizeof(CUtensorMap)}. */
  static final int BYTES = 128;

  static final int ALIGNMENT = 64;

  private static final int BOX_COLUMNS = 64;

  private final MemorySegment map;

  private TensorMap(MemorySegment map) {
    this.map = map;
  }

  /**
   * Heads of the rows of several sequences, one behind the other; rows may be parts of wider ones.
   *
   * @param sequences at least one
   * @param rows of each sequence
   * @param heads of a row, side by side
   * @param size channels of a head, which take a multiple of 16 bytes
   * @param pitch numbers from one row to the next, which take a multiple of 16 bytes
   */
  public record Heads(int sequences, int rows, int heads, int size, int pitch) {}

  /**
   * Describes a matrix.
   *
   * @param type of two bytes
   * @param address of the first row, a multiple of 16 bytes
   * @param rows that are there
   * @param columns of a row, which take a multiple of 16 bytes
   * @param boxRows of a box, at most 256
   * @throws IllegalArgumentException if numbers of this type don't take two bytes
   * @throws CudaException if the driver refuses
   */
  public static TensorMap of(ElementType type, long address, int rows, int columns, int boxRows) {
    return of(
        type,
        address,
        "%d × %d numbers".formatted(rows, columns),
        new long[] {columns, rows},
        new long[] {(long) columns * type.bytes()},
        new int[] {BOX_COLUMNS, boxRows});
  }

  /**
   * Describes heads, in four dimensions: channel, head, row and sequence. What a box has behind the
   * last channel of its head, or below the last row of its sequence, comes as zeros, not from the
   * next.
   *
   * @param address of the first row, a multiple of 16 bytes
   * @param boxRows of a box, which has channels of one head, at most 256
   * @throws IllegalArgumentException if numbers of this type don't take two bytes
   * @throws CudaException if the driver refuses
   */
  public static TensorMap of(ElementType type, long address, Heads heads, int boxRows) {
    long rowBytes = (long) heads.pitch * type.bytes();
    return of(
        type,
        address,
        heads.toString(),
        new long[] {heads.size, heads.heads, heads.rows, heads.sequences},
        new long[] {(long) heads.size * type.bytes(), rowBytes, heads.rows * rowBytes},
        new int[] {BOX_COLUMNS, 1, boxRows, 1});
  }

  /** Describes numbers by their dimensions, the innermost first, whose strides are left out. */
  private static TensorMap of(
      ElementType type, long address, String what, long[] sizes, long[] strides, int[] box) {
    int number =
        switch (type) {
          case FLOAT16 -> cuda_h.CU_TENSOR_MAP_DATA_TYPE_FLOAT16();
          case BFLOAT16 -> cuda_h.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16();
          case FLOAT32, FLOAT8_E4M3 ->
              throw new IllegalArgumentException("boxes are of two-byte numbers, not " + type);
        };
    int[] steps = new int[box.length];
    Arrays.fill(steps, 1);
    MemorySegment map = Arena.ofAuto().allocate(BYTES, ALIGNMENT);
    try (Arena arena = Arena.ofConfined()) {
      int result =
          cuda_h.cuTensorMapEncodeTiled(
              map,
              number,
              sizes.length,
              MemorySegment.ofAddress(address),
              arena.allocateFrom(ValueLayout.JAVA_LONG, sizes),
              arena.allocateFrom(ValueLayout.JAVA_LONG, strides),
              arena.allocateFrom(ValueLayout.JAVA_INT, box),
              arena.allocateFrom(ValueLayout.JAVA_INT, steps),
              cuda_h.CU_TENSOR_MAP_INTERLEAVE_NONE(),
              cuda_h.CU_TENSOR_MAP_SWIZZLE_128B(),
              cuda_h.CU_TENSOR_MAP_L2_PROMOTION_L2_256B(),
              cuda_h.CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE());
      if (result != cuda_h.CUDA_SUCCESS()) {
        throw Status.driverFailure(
            result,
            "cuTensorMapEncodeTiled",
            "%s at 0x%x in boxes of %s".formatted(what, address, Arrays.toString(box)));
      }
    }
    return new TensorMap(map);
  }

  /** C's struct. */
  MemorySegment struct() {
    return map;
  }
}
