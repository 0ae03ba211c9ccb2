package org.pyramiddrop.kernels.cuda;

import java.util.Optional;
import org.pyramiddrop.cuda.CublasLtAlgorithm;

/** How a matrix product of more than a few rows is done. */
sealed interface ProductAlgorithm {
  /** Our kernel of a tile size, with everything fused into it; it widens weights in blocks. */
  record Tiled(Tile tile) implements ProductAlgorithm {
    @Override
    public String text() {
      return tile.size();
    }
  }

  /** Our kernel for compute capability 9.0. */
  record Hopper() implements ProductAlgorithm {
    private static final String TEXT = "hopper";

    @Override
    public String text() {
      return TEXT;
    }
  }

  /** Our kernel for compute capability 9.0 that shares the weights' bytes out evenly. */
  record StreamK() implements ProductAlgorithm {
    private static final String TEXT = "stream-k";

    @Override
    public String text() {
      return TEXT;
    }
  }

  /** Our kernel for any type, shape and address, weights in blocks among them. */
  record Plain() implements ProductAlgorithm {
    private static final String TEXT = "plain";

    @Override
    public String text() {
      return TEXT;
    }
  }

  /**
   * Weights in blocks become a matrix of the device's type, and that is multiplied by what is the
   * default for it.
   */
  record Widened() implements ProductAlgorithm {
    private static final String TEXT = "widened";

    @Override
    public String text() {
      return TEXT;
    }
  }

  /** cuBLASLt by one of its algorithms, and a kernel of ours for what it leaves to do. */
  record CublasLt(CublasLtAlgorithm algorithm) implements ProductAlgorithm {
    @Override
    public String text() {
      return algorithm.hex();
    }
  }

  /** The same by the algorithm that cuBLASLt itself expects to be the fastest for this shape. */
  record CublasLtDefault() implements ProductAlgorithm {
    @Override
    public String text() {
      return "cuBLASLt's default";
    }
  }

  /** Its name, the same in every process. */
  String text();

  /** The algorithm of that name; empty if there is none. The default has none: it is no choice. */
  static Optional<ProductAlgorithm> of(String text) {
    for (Tile tile : Tile.values()) {
      if (tile.size().equals(text)) {
        return Optional.of(new Tiled(tile));
      }
    }
    if (text.equals(Hopper.TEXT)) {
      return Optional.of(new Hopper());
    }
    if (text.equals(StreamK.TEXT)) {
      return Optional.of(new StreamK());
    }
    if (text.equals(Plain.TEXT)) {
      return Optional.of(new Plain());
    }
    if (text.equals(Widened.TEXT)) {
      return Optional.of(new Widened());
    }
    try {
      return Optional.of(new CublasLt(new CublasLtAlgorithm(text)));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
