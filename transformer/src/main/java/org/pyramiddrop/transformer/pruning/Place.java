package org.pyramiddrop.transformer.pruning;

import java.io.Serializable;

/** Where on an image's way a cut happens. */
public sealed interface Place extends Serializable {

  /** Its rank among the places, in the order in which an image goes through them. */
  int order();

  /**
   * Behind the vision layer whose output the features are, before the projector. Each crop is cut
   * on its own, among the patches that unpadding leaves of it.
   */
  record Tower() implements Place {
    @Override
    public int order() {
      return 0;
    }
  }

  /** Behind the projector: all of an image's tokens together, its newline tokens among them. */
  record Projector() implements Place {
    @Override
    public int order() {
      return 1;
    }
  }

  /** Between two of the decoder's layers. */
  record Decoder(Depth depth) implements Place {
    @Override
    public int order() {
      return 2;
    }
  }
}
