package org.pyramiddrop.kernels.cuda;

import java.util.Optional;
import org.pyramiddrop.cuda.ProductAlgorithm;

/** A way to do a product that is too large to be streamed. */
sealed interface Way {
  /** Our kernel of a tile size, with everything fused into it. */
  record Tiled(Tile tile) implements Way {
    @Override
    public String text() {
      return tile.size();
    }
  }

  /** Our kernel for compute capability 9.0. */
  record Hopper() implements Way {
    private static final String TEXT = "hopper";

    @Override
    public String text() {
      return TEXT;
    }
  }

  /** Our kernel for any type, shape and address. */
  record Plain() implements Way {
    private static final String TEXT = "plain";

    @Override
    public String text() {
      return TEXT;
    }
  }

  /** cuBLASLt by an algorithm, and a kernel of ours for what it leaves to do. */
  record Planned(ProductAlgorithm algorithm) implements Way {
    @Override
    public String text() {
      return algorithm.hex();
    }
  }

  /** The same by the algorithm that cuBLASLt thinks fastest for just that number of rows. */
  record Guessed() implements Way {
    @Override
    public String text() {
      return "guessed";
    }
  }

  /** Its name, the same in every process. */
  String text();

  /** The way of that name; empty if there is none, or it is a guess, which is no choice. */
  static Optional<Way> of(String text) {
    for (Tile tile : Tile.values()) {
      if (tile.size().equals(text)) {
        return Optional.of(new Tiled(tile));
      }
    }
    if (text.equals(Hopper.TEXT)) {
      return Optional.of(new Hopper());
    }
    if (text.equals(Plain.TEXT)) {
      return Optional.of(new Plain());
    }
    try {
      return Optional.of(new Planned(new ProductAlgorithm(text)));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
