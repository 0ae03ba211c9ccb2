package org.pyramiddrop.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;

/** How numbers are stored: of a weight in any of these types, of a tensor one by one only. */
public enum DType {
  /** IEEE 754 binary32. */
  FLOAT32(4),
  /** IEEE 754 binary16. */
  FLOAT16(2),
  /** The upper half of a binary32. */
  BFLOAT16(2),
  /** Signed bytes in blocks of 32 with a scale each: {@link Blocks}. */
  INT8(0),
  /** Four bits in blocks of 32 with a scale and a zero each: {@link Blocks}. */
  INT4(0),
  /** {@link Float8 Eight-bit floats} with a scale for each row: {@link Blocks}. */
  FP8(0);

  private static final List<DType> SINGLE = List.of(FLOAT32, FLOAT16, BFLOAT16);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** The types that store each number on its own, as tensors and vectors do. */
  public static List<DType> single() {
    return SINGLE;
  }

  /** Whether numbers share scales, as {@link Blocks} says, and only matrices can be stored so. */
  public boolean inBlocks() {
    return bytes == 0;
  }

  /**
   * Bytes of one number.
   *
   * @throws IllegalArgumentException for a type in blocks, whose numbers have no size of their own
   */
  public int bytes() {
    if (inBlocks()) {
      throw notSingle();
    }
    return bytes;
  }

  /** Bytes that a matrix takes. */
  public long bytes(int rows, int columns) {
    return inBlocks()
        ? new Blocks(this, rows, columns).bytes()
        : Math.multiplyExact(Math.multiplyExact((long) rows, columns), bytes);
  }

  /**
   * Stores a number, rounded to the nearest that this type has; as bfloat16 to the next towards
   * zero.
   *
   * @param index how many numbers of this type lie before it
   * @throws IllegalArgumentException for a type in blocks
   */
  public void store(float value, MemorySegment to, long index) {
    switch (this) {
      case FLOAT32 -> to.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
      case FLOAT16 -> to.setAtIndex(ValueLayout.JAVA_SHORT, index, Float.floatToFloat16(value));
      case BFLOAT16 ->
          to.setAtIndex(
              ValueLayout.JAVA_SHORT, index, (short) (Float.floatToRawIntBits(value) >>> 16));
      case INT8, INT4, FP8 -> throw notSingle();
    }
  }

  /** What to throw where only numbers that are stored one by one can be used. */
  public IllegalArgumentException notSingle() {
    return new IllegalArgumentException(
        label() + " has scales that numbers share, which only a matrix of weights can have");
  }

  /** Its usual name: {@code float32}, {@code float16}, {@code bfloat16}, {@code int8}, … */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
