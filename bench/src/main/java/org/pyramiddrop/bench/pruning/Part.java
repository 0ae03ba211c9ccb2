package org.pyramiddrop.bench.pruning;

/** What a prefill spends its time on. */
enum Part {
  PRODUCTS("products"),
  ATTENTION("attention"),
  NORMS("norms"),
  /** Rotary positions, and keys and values on their way into the cache. */
  ROTARY("rotary, cache"),
  ALLOCATION("allocation"),
  /** At a drop, the last token's query and its scores of all keys. */
  RANKING("ranking"),
  SELECTION("selection"),
  /** At a drop, the rows that stay. */
  GATHER("gather"),
  /** Embeddings, sampling, and what runs between the operations. */
  REST("rest");

  private final String label;

  Part(String label) {
    this.label = label;
  }

  String label() {
    return label;
  }
}
