package org.pyramiddrop.kernels;

import java.util.Locale;

/** How a weight's numbers are stored. */
public enum DType {
  /** IEEE 754 binary32. */
  FLOAT32(4),
  /** IEEE 754 binary16. */
  FLOAT16(2),
  /** The upper half of a binary32. */
  BFLOAT16(2);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of one number. */
  public int bytes() {
    return bytes;
  }

  /** Its usual name: {@code float32}, {@code float16} or {@code bfloat16}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
