package org.pyramiddrop.transformer;

import java.nio.file.Path;

/**
 * A logit is NaN, so no token can be chosen: weights are damaged, or numbers overflow in their
 * type. The model itself can be asked again.
 */
public final class NanLogitsException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Says which folder's weights are to blame. */
  NanLogitsException(Path folder, String dtype) {
    super(
        "the output of the weights in %s is not a number (NaN logits): they are damaged, or overflow in %s"
            .formatted(folder, dtype));
  }
}
