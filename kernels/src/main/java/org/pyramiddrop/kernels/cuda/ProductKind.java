package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;

/**
 * Products that are done by the same algorithm: they differ in their data alone and, within a tile,
 * in their number of rows.
 */
record ProductKind(
    int firstRows,
    int lastRows,
    int inputs,
    int outputs,
    DType type,
    DType outType,
    Activation activation,
    boolean gated,
    boolean biased,
    Product.LibraryPart library) {
  /** The height of the tiles that GPUs multiply: more rows in one cost nothing. */
  private static final int TILE_ROWS = 64;

  /** Products whose rows end in the same tile. */
  static ProductKind ofRowTile(Product product) {
    int tiles = Math.ceilDiv(product.rows(), TILE_ROWS);
    return of(product, (tiles - 1) * TILE_ROWS + 1, tiles * TILE_ROWS);
  }

  /** Products of exactly as many rows. */
  static ProductKind ofExactRows(Product product) {
    return of(product, product.rows(), product.rows());
  }

  private static ProductKind of(Product product, int firstRows, int lastRows) {
    return new ProductKind(
        firstRows,
        lastRows,
        product.inputs(),
        product.outputs(),
        product.x().dtype(),
        product.out().dtype(),
        product.activation(),
        product.gated(),
        product.bias() != null,
        product.libraryPart());
  }

  /** A line that no other kind has. */
  String text() {
    return "%s %d-%d x %d -> %d, %s -> %s, %s%s, library %s"
        .formatted(
            gated ? "gated" : "linear",
            firstRows,
            lastRows,
            inputs,
            outputs,
            type,
            outType,
            activation,
            biased ? " bias" : "",
            library);
  }
}
