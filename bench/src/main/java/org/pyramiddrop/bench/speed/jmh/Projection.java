package org.pyramiddrop.bench.speed.jmh;

import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.speed.Product;

/** A linear layer of the decoder. */
public enum Projection {
  /** One of query, key, value and attention output. */
  ATTENTION,
  /** Gate or up. */
  UP,
  /** Down. */
  DOWN,
  /** The output head. */
  HEAD;

  /** Its product over some tokens. */
  Product product(ModelSize size, int tokens) {
    CheckpointShape shape = size.shape();
    int hidden = shape.hidden();
    return switch (this) {
      case ATTENTION -> new Product(tokens, hidden, hidden);
      case UP -> new Product(tokens, hidden, shape.intermediate());
      case DOWN -> new Product(tokens, shape.intermediate(), hidden);
      case HEAD -> new Product(tokens, hidden, shape.vocabulary());
    };
  }
}
