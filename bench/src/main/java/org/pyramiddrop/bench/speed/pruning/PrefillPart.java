package org.pyramiddrop.bench.speed.pruning;

import com.fasterxml.jackson.annotation.JsonValue;

/** What a prefill spends its time on. */
enum PrefillPart {
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

  PrefillPart(String label) {
    this.label = label;
  }

  @JsonValue
  String label() {
    return label;
  }
}
