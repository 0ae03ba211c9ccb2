package org.pyramiddrop.loader;

import java.util.List;
import java.util.Optional;

/** The element types that the safetensors format knows, by the names it gives them. */
public enum StoredType {
  /** Truth value, one byte each. */
  BOOL(8),
  /** Float with 2 exponent bits and 1 mantissa bit, two to a byte. */
  F4(4),
  /** Float with 2 exponent and 3 mantissa bits, four to three bytes. */
  F6_E2M3(6),
  /** Float with 3 exponent and 2 mantissa bits, four to three bytes. */
  F6_E3M2(6),
  /** Unsigned 8-bit integer. */
  U8(8),
  /** Signed 8-bit integer. */
  I8(8),
  /** Float with 5 exponent and 2 mantissa bits. */
  F8_E5M2(8),
  /** Float with 4 exponent and 3 mantissa bits. */
  F8_E4M3(8),
  /** A power of two: 8 exponent bits alone. */
  F8_E8M0(8),
  /** {@link #F8_E4M3} without infinities and negative zero. */
  F8_E4M3FNUZ(8),
  /** {@link #F8_E5M2} without infinities and negative zero. */
  F8_E5M2FNUZ(8),
  /** Signed 16-bit integer. */
  I16(16),
  /** Unsigned 16-bit integer. */
  U16(16),
  /** IEEE 754 binary16. */
  F16(16),
  /** The upper half of an IEEE 754 binary32. */
  BF16(16),
  /** Signed 32-bit integer. */
  I32(32),
  /** Unsigned 32-bit integer. */
  U32(32),
  /** IEEE 754 binary32. */
  F32(32),
  /** Complex number: two binary32. */
  C64(64),
  /** IEEE 754 binary64. */
  F64(64),
  /** Signed 64-bit integer. */
  I64(64),
  /** Unsigned 64-bit integer. */
  U64(64);

  private final int bits;

  StoredType(int bits) {
    this.bits = bits;
  }

  /** Bits that one element takes. */
  public int bits() {
    return bits;
  }

  /** Whether the model's weights may be of this type: F32, F16 or BF16. */
  public boolean isWeight() {
    return this == F32 || this == F16 || this == BF16;
  }

  /**
   * Bytes that a tensor of this shape takes.
   *
   * @throws ArithmeticException if that overflows
   * @throws IllegalArgumentException if it does not end at a whole byte, or has less than nothing
   */
  long bytes(List<Long> shape) {
    long elements = 1;
    for (long dim : shape) {
      elements = Math.multiplyExact(elements, dim);
    }
    long bits = Math.multiplyExact(elements, (long) this.bits);
    if (bits % 8 != 0 || shape.stream().anyMatch(dim -> dim < 0)) {
      throw new IllegalArgumentException("a tensor of " + this + " can't be " + shape);
    }
    return bits / 8;
  }

  static Optional<StoredType> named(String name) {
    for (StoredType type : values()) {
      if (type.name().equals(name)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }
}
