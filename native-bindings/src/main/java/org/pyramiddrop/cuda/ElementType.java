package org.pyramiddrop.cuda;

/** What matrices on the GPU are made of. */
public enum ElementType {
  /** IEEE single precision. */
  FLOAT32(4),
  /** IEEE half precision. */
  FLOAT16(2),
  /** The upper half of a float32. */
  BFLOAT16(2),
  /** Eight bits: a sign, four of exponent, three of mantissa; up to 448, and no infinity. */
  FLOAT8_E4M3(1);

  private final int bytes;

  ElementType(int bytes) {
    this.bytes = bytes;
  }

  /** The size of one element, in bytes. */
  public int bytes() {
    return bytes;
  }
}
