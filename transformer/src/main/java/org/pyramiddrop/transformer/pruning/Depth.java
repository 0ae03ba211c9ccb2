package org.pyramiddrop.transformer.pruning;

import java.io.Serializable;

/** Where in a decoder a drop happens: how many layers have run before it. */
public sealed interface Depth extends Serializable {

  /**
   * Returns how many of a decoder's layers run before the drop; not yet checked to lie inside it.
   *
   * @param layers the decoder's number of layers
   */
  int resolve(int layers);

  /** After a fixed number of layers, whatever the decoder's depth. */
  record AtLayer(int layer) implements Depth {
    @Override
    public int resolve(int layers) {
      return layer;
    }
  }

  /**
   * At the end of stage {@code stage} of {@code stages} equal ones: after ⌊stage · J / stages⌋ of J
   * layers.
   */
  record EndOfStage(int stage, int stages) implements Depth {
    /** Refuses a stage that is none of the inner ones. */
    public EndOfStage {
      if (stage < 1 || stage >= stages) {
        throw new IllegalArgumentException(
            "stage " + stage + " of " + stages + " has no drop at its end");
      }
    }

    @Override
    public int resolve(int layers) {
      return Math.toIntExact((long) stage * layers / stages);
    }
  }
}
