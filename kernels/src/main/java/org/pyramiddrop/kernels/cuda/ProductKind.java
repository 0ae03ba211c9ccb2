package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.cuda.Transposed;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;

/**
 * Products that are done by the same algorithm: they differ in their data alone and, within a tile,
 * in their number of tokens. Tokens are the rows, or the inputs where x is transposed, as it is for
 * the gradient of a linear layer's weight.
 *
 * @param width the inputs, or the rows where tokens are the inputs
 */
record ProductKind(
    Transposed transposed,
    int firstTokens,
    int lastTokens,
    int width,
    int outputs,
    DType type,
    DType weights,
    DType outType,
    Activation activation,
    boolean gated,
    boolean biased,
    Product.LibraryPart library) {
  /** The height of the tiles that GPUs multiply: more rows in one cost nothing. */
  private static final int TILE_ROWS = 64;

  /** Products whose tokens end in the same tile. */
  static ProductKind ofRowTile(Product product) {
    int tiles = Math.ceilDiv(product.x().rows(), TILE_ROWS);
    return of(product, (tiles - 1) * TILE_ROWS + 1, tiles * TILE_ROWS);
  }

  /** Products of exactly as many tokens. */
  static ProductKind ofExactRows(Product product) {
    return of(product, product.x().rows(), product.x().rows());
  }

  private static ProductKind of(Product product, int firstTokens, int lastTokens) {
    return new ProductKind(
        product.transposed(),
        firstTokens,
        lastTokens,
        product.x().columns(),
        product.outputs(),
        product.x().dtype(),
        product.w().dtype(),
        product.out().dtype(),
        product.activation(),
        product.gated(),
        product.bias() != null,
        product.libraryPart());
  }

  private String name() {
    return switch (transposed) {
      case W -> "linear";
      case NONE -> "linear, nothing transposed,";
      case X -> "linear, x transposed,";
    };
  }

  /** A line that no other kind has. */
  String text() {
    return "%s %d-%d x %d -> %d, %s%s -> %s, %s%s, library %s"
        .formatted(
            gated ? "gated" : name(),
            firstTokens,
            lastTokens,
            width,
            outputs,
            type,
            weights == type ? "" : " by " + weights,
            outType,
            activation,
            biased ? " bias" : "",
            library);
  }
}
