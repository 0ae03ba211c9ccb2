package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.Transposed;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;

/**
 * A product to be done: {@code out = activation(x · wᵀ + bias)}, or gated, {@code out = silu(x ·
 * gateᵀ) ∘ (x · upᵀ)}, or one of a linear layer's gradients, {@code x · w} and {@code xᵀ · w}.
 *
 * @param transposed {@code W} of a linear layer and a gated product
 * @param x rows × inputs, or inputs × rows if x is transposed
 * @param w outputs × inputs if w is transposed, else inputs × outputs; of a gated product gate
 *     stacked on up
 * @param bias outputs, or none; a gated product has none
 * @param activation {@code NONE} of a gated product
 * @param out rows × outputs, of the type of x or float32
 * @param norm what x is normalised by first; only of a product that {@link #quantizes}
 * @param library what cuBLASLt may do
 */
record Product(
    Transposed transposed,
    CudaTensor x,
    CudaWeight w,
    @Nullable CudaWeight bias,
    Activation activation,
    CudaTensor out,
    boolean gated,
    @Nullable Norm norm,
    LibraryUse library) {
  /** What tensor cores and cuBLASLt want addresses and rows to be multiples of, in bytes. */
  private static final int ALIGNMENT = 16;

  /** An RMS norm's weight, one number a column of x, and its epsilon. */
  record Norm(CudaWeight weight, float epsilon) {}

  /** How much of a product cuBLASLt can do. */
  enum LibraryPart {
    /** All of it. */
    ALL,
    /** The sums; a kernel of ours finishes them. */
    SUMS,
    /** Nothing: it wants other addresses, sizes or weights. */
    NONE
  }

  /** Refuses a norm where nothing would do it. */
  Product {
    if (norm != null && !quantizes(transposed, x, w, library)) {
      throw new IllegalArgumentException("x is normalised only where it is quantised");
    }
  }

  private static boolean quantizes(
      Transposed transposed, CudaTensor x, CudaWeight w, LibraryUse library) {
    return transposed == Transposed.W && library.quantizes(x.rows(), w);
  }

  /** Whether rows of x become eight-bit floats first, as those of w are. */
  boolean quantizes() {
    return quantizes(transposed, x, w, library);
  }

  int rows() {
    return transposed == Transposed.X ? x.columns() : x.rows();
  }

  int inputs() {
    return transposed == Transposed.X ? x.rows() : x.columns();
  }

  int outputs() {
    return out.columns();
  }

  /** How many sums each row has; twice the outputs of a gated product. */
  int sums() {
    return transposed == Transposed.W ? w.rows() : w.columns();
  }

  /** Where the bias begins; 0 if there is none. */
  long biasAddress() {
    return bias == null ? 0 : bias.address();
  }

  /** The same product of other matrices, written elsewhere. */
  Product of(CudaTensor otherX, CudaWeight otherW, CudaTensor otherOut) {
    return new Product(
        transposed, otherX, otherW, bias, activation, otherOut, gated, norm, library);
  }

  /** Whether rows of x and w are whole accesses, as those of w in blocks always are. */
  boolean aligned() {
    long rowBytes = (long) x.columns() * x.dtype().bytes();
    boolean xAligned = (x.address() | rowBytes) % ALIGNMENT == 0;
    if (w.dtype().inBlocks()) {
      return xAligned;
    }
    long wRowBytes = (long) w.columns() * w.dtype().bytes();
    return xAligned && (w.address() | wRowBytes) % ALIGNMENT == 0;
  }

  private boolean outAligned() {
    long rowBytes = (long) outputs() * out.dtype().bytes();
    return (out.address() | rowBytes) % ALIGNMENT == 0;
  }

  LibraryPart libraryPart() {
    if (quantizes()) {
      boolean all = !gated && libraryActivates() && bias == null && outAligned();
      return all ? LibraryPart.ALL : LibraryPart.SUMS;
    }
    if (!aligned() || w.dtype().inBlocks()) {
      return LibraryPart.NONE;
    }
    if (!gated && libraryActivates() && biasFits() && outAligned()) {
      return LibraryPart.ALL;
    }
    long rowBytes = (long) sums() * Float.BYTES;
    return rowBytes % ALIGNMENT == 0 ? LibraryPart.SUMS : LibraryPart.NONE;
  }

  private boolean libraryActivates() {
    return switch (activation) {
      case NONE -> true;
      case ADD -> library.adds() || out.dtype() == DType.FLOAT32;
      case GELU, QUICK_GELU -> false;
    };
  }

  /** cuBLASLt wants an aligned bias of the type of out. */
  private boolean biasFits() {
    return bias == null || (out.dtype() == bias.dtype() && biasAddress() % ALIGNMENT == 0);
  }

  /**
   * The type of sums that a kernel of ours finishes. Rounded to bfloat16, those of a gated product
   * would be off by 2⁻⁹ each, which is more than the contract allows, but where x was quantised:
   * there they are off by more already. Float16 has no room for all of them.
   */
  DType sumsType() {
    return gated && x.dtype() == DType.BFLOAT16 && quantizes() ? DType.BFLOAT16 : DType.FLOAT32;
  }

  /** Whether out has room for sums that are not finished yet. */
  boolean sumsFitInOut() {
    return !gated && out.dtype() == DType.FLOAT32 && outAligned();
  }
}
