package org.pyramiddrop.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * How a matrix of {@link DType#INT8}, {@link DType#INT4} or {@link DType#FP8} lies in memory:
 * planes, one behind the other, each beginning at a multiple of 64 bytes from the first.
 *
 * <p>A block is {@link #SIZE} neighbours of a row. The last of a row may have fewer, and is filled
 * up to a whole one: with anything, since whatever multiplies it is zero, but in FP8, which has a
 * NaN, with zeros.
 *
 * <ul>
 *   <li>The numbers, row by row. INT8: a signed byte q each, for the value {@code scale · q}. INT4:
 *       16 bytes a block; the low half of byte i is number i, its high half number 16 + i, so that
 *       a load of bytes gives two runs of neighbours; q is 0 to 15, for the value {@code scale · (q
 *       - zero)}. FP8: a {@link Float8} each, never NaN, for the value {@code scale · number}.
 *   <li>The scales, row by row: a finite binary16 number a block; FP8: a finite binary32 number a
 *       row.
 *   <li>INT4 only, the zeros, row by row: four bits a block, from a byte's low half on; a row is
 *       filled up to whole four bytes.
 * </ul>
 *
 * <p>All is little-endian. INT8 takes 8.5 bits a number, INT4 4.625, FP8 8.
 *
 * @param dtype one of the types in blocks
 */
public record Blocks(DType dtype, int rows, int columns) {
  /** Numbers of a block. */
  public static final int SIZE = 32;

  /** What a plane's beginning is a multiple of, in bytes. */
  private static final int ALIGNMENT = 64;

  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Refuses a matrix of nothing, and a type that isn't in blocks. */
  public Blocks {
    if (!dtype.inBlocks() || rows < 1 || columns < 1) {
      throw new IllegalArgumentException(
          "no blocks of a %d × %d matrix of %s".formatted(rows, columns, dtype));
    }
  }

  /** Blocks of a row. */
  public int perRow() {
    return (columns + SIZE - 1) / SIZE;
  }

  /** Bytes that the numbers of a row take. */
  public long numberBytes() {
    return (long) perRow() * (dtype == DType.INT4 ? SIZE / 2 : SIZE);
  }

  /** Where the scales begin. */
  public long scales() {
    return aligned(rows * numberBytes());
  }

  /** Bytes that the scales of a row take. */
  public long scaleBytes() {
    return dtype == DType.FP8 ? Float.BYTES : (long) Short.BYTES * perRow();
  }

  /** Where the zeros begin, and the scales end. */
  public long zeros() {
    return aligned(scales() + rows * scaleBytes());
  }

  /** Bytes that the zeros of a row take. */
  public long zeroBytes() {
    return dtype == DType.INT4 ? (perRow() + 7) / 8 * 4L : 0;
  }

  /** Bytes of all planes. */
  public long bytes() {
    return aligned(zeros() + rows * zeroBytes());
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** Where the numbers of a row begin. */
  public long numbers(int row) {
    return row * numberBytes();
  }

  /** Where the scales of a row begin. */
  public long scales(int row) {
    return scales() + row * scaleBytes();
  }

  /** Where the zeros of a row begin. */
  public long zeros(int row) {
    return zeros() + row * zeroBytes();
  }

  // Number by number --------------------------------------------------------------------------

  /** The scale of a block; in FP8 of its row. */
  public float scale(MemorySegment data, int row, int block) {
    if (dtype == DType.FP8) {
      return data.get(FLOAT, scales(row));
    }
    return Float.float16ToFloat(data.get(SHORT, scales(row) + 2L * block));
  }

  /** Sets the scale of a block, rounded to binary16; in FP8 of its row, as it is. */
  public void scale(MemorySegment data, int row, int block, float scale) {
    if (dtype == DType.FP8) {
      data.set(FLOAT, scales(row), scale);
      return;
    }
    data.set(SHORT, scales(row) + 2L * block, Float.floatToFloat16(scale));
  }

  /** The zero of a block: what stands for 0. */
  public int zero(MemorySegment data, int row, int block) {
    if (dtype != DType.INT4) {
      return 0;
    }
    int both = data.get(ValueLayout.JAVA_BYTE, zeros(row) + block / 2);
    return (both >> (4 * (block % 2))) & 15;
  }

  /** Sets the zero of a block of {@link DType#INT4}. */
  public void zero(MemorySegment data, int row, int block, int zero) {
    half(data, zeros(row) + block / 2, block % 2, zero);
  }

  /** The whole number that is stored at a place; in FP8 the bits of a {@link Float8}. */
  public int number(MemorySegment data, int row, int column) {
    if (dtype != DType.INT4) {
      return data.get(ValueLayout.JAVA_BYTE, numbers(row) + column);
    }
    return (data.get(ValueLayout.JAVA_BYTE, byteOf(row, column)) >> (4 * halfOf(column))) & 15;
  }

  /** Sets what {@link #number(MemorySegment, int, int)} gives. */
  public void number(MemorySegment data, int row, int column, int number) {
    if (dtype != DType.INT4) {
      data.set(ValueLayout.JAVA_BYTE, numbers(row) + column, (byte) number);
    } else {
      half(data, byteOf(row, column), halfOf(column), number);
    }
  }

  /** The value at a place: exactly, but in FP8 rounded to float32. */
  public float value(MemorySegment data, int row, int column) {
    int block = column / SIZE;
    if (dtype == DType.FP8) {
      return scale(data, row, block) * Float8.toFloat((byte) number(data, row, column));
    }
    return scale(data, row, block) * (number(data, row, column) - zero(data, row, block));
  }

  private long byteOf(int row, int column) {
    int block = column / SIZE;
    return numbers(row) + (SIZE / 2L) * block + column % (SIZE / 2);
  }

  private static int halfOf(int column) {
    return column % SIZE / (SIZE / 2);
  }

  private static void half(MemorySegment data, long at, int half, int value) {
    int other = data.get(ValueLayout.JAVA_BYTE, at) & (half == 0 ? 0xf0 : 0x0f);
    data.set(ValueLayout.JAVA_BYTE, at, (byte) (other | (value << (4 * half))));
  }
}
