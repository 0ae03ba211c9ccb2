package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import org.pyramiddrop.cuda.bindings.cublasLtMatmulAlgo_t;

/**
 * One of cuBLASLt's algorithms for a product. Its bytes mean something to cuBLASLt alone. They may
 * be kept and used again with the same version of the library, in another process too.
 *
 * @param hex its 64 bytes as 128 lower-case hexadecimal digits
 */
public record CublasLtAlgorithm(String hex) {
  private static final int DIGITS = 2 * Math.toIntExact(cublasLtMatmulAlgo_t.sizeof());

  /** Throws {@link IllegalArgumentException} for anything but its digits. */
  public CublasLtAlgorithm {
    if (!hex.matches("[0-9a-f]{%d}".formatted(DIGITS))) {
      throw new IllegalArgumentException(
          "an algorithm is written in %d hexadecimal digits, not as \"%s\"".formatted(DIGITS, hex));
    }
  }

  /** What a {@code cublasLtMatmulAlgo_t} holds. */
  static CublasLtAlgorithm of(MemorySegment algorithm) {
    return new CublasLtAlgorithm(
        HexFormat.of().formatHex(algorithm.toArray(ValueLayout.JAVA_BYTE)));
  }

  /** A {@code cublasLtMatmulAlgo_t} in memory of the arena. */
  MemorySegment in(Arena arena) {
    return cublasLtMatmulAlgo_t
        .allocate(arena)
        .copyFrom(MemorySegment.ofArray(HexFormat.of().parseHex(hex)));
  }
}
