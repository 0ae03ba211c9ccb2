package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pyramiddrop.cuda.bindings.cuda_h;

/**
 * How the copy engine sees a row-major matrix of two-byte numbers on the GPU: it brings boxes of 64
 * columns to shared memory, whose 16-byte chunks change places by the row (CUDA's 128-byte
 * swizzle). What a box has outside of the matrix comes as zeros.
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
   * Matrices of one size, one behind the other, whose rows may be parts of wider ones.
   *
   * @param count of matrices, at least one
   * @param rows of each
   * @param columns of a row
   * @param pitch numbers from one row to the next, which take a multiple of 16 bytes
   */
  public record Matrices(int count, int rows, int columns, int pitch) {}

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
    return of(type, address, new Matrices(1, rows, columns, columns), 2, boxRows);
  }

  /**
   * Describes matrices, in three dimensions: what a box has below its matrix comes as zeros, not
   * from the next.
   *
   * @param address of the first row, a multiple of 16 bytes
   * @throws IllegalArgumentException if numbers of this type don't take two bytes
   * @throws CudaException if the driver refuses
   */
  public static TensorMap of(ElementType type, long address, Matrices matrices, int boxRows) {
    return of(type, address, matrices, 3, boxRows);
  }

  private static TensorMap of(
      ElementType type, long address, Matrices matrices, int rank, int boxRows) {
    int number =
        switch (type) {
          case FLOAT16 -> cuda_h.CU_TENSOR_MAP_DATA_TYPE_FLOAT16();
          case BFLOAT16 -> cuda_h.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16();
          case FLOAT32, FLOAT8_E4M3 ->
              throw new IllegalArgumentException("boxes are of two-byte numbers, not " + type);
        };
    int rows = matrices.rows;
    int columns = matrices.columns;
    long rowBytes = (long) matrices.pitch * type.bytes();
    MemorySegment map = Arena.ofAuto().allocate(BYTES, ALIGNMENT);
    try (Arena arena = Arena.ofConfined()) {
      int result =
          cuda_h.cuTensorMapEncodeTiled(
              map,
              number,
              rank,
              MemorySegment.ofAddress(address),
              arena.allocateFrom(ValueLayout.JAVA_LONG, columns, rows, matrices.count),
              arena.allocateFrom(ValueLayout.JAVA_LONG, rowBytes, rows * rowBytes),
              arena.allocateFrom(ValueLayout.JAVA_INT, BOX_COLUMNS, boxRows, 1),
              arena.allocateFrom(ValueLayout.JAVA_INT, 1, 1, 1),
              cuda_h.CU_TENSOR_MAP_INTERLEAVE_NONE(),
              cuda_h.CU_TENSOR_MAP_SWIZZLE_128B(),
              cuda_h.CU_TENSOR_MAP_L2_PROMOTION_L2_256B(),
              cuda_h.CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE());
      if (result != cuda_h.CUDA_SUCCESS()) {
        throw Status.driverFailure(
            result,
            "cuTensorMapEncodeTiled",
            "%d × %d numbers at 0x%x in boxes of %d rows"
                .formatted(rows, columns, address, boxRows));
      }
    }
    return new TensorMap(map);
  }

  /** C's struct. */
  MemorySegment struct() {
    return map;
  }
}
