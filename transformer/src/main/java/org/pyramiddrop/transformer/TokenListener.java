package org.pyramiddrop.transformer;

import java.util.concurrent.CancellationException;

/**
 * Hears how far an answer is, on the thread that asked: layers while images and prompt are read,
 * then each token as it is generated.
 */
@FunctionalInterface
public interface TokenListener {
  /** What is being done before the first token. */
  enum Phase {
    /** The vision tower over the question's images. */
    VISION,
    /** The decoder over the prompt. */
    PREFILL
  }

  /**
   * Takes the next token.
   *
   * @param id the token
   * @param text the text that became complete with it; empty while a character's bytes are not all
   *     there, or while it may be the beginning of a stop string. A stop string is never told. What
   *     is left at the end of an answer is told with its last token once more
   * @return false to end the answer here, as {@link Finish#CANCELLED}
   */
  boolean onToken(int id, String text);

  /**
   * Hears of work that is done before the first token. It is called behind each layer where layers
   * are started one by one, as on the CPU, and once behind each recording where a device replays
   * them (CUDA graphs): a few crops of an image, a prefill. Layers that a device has been given may
   * still be running on it. Other questions wait meanwhile, and the model can't be asked from here.
   *
   * @param done layers that are done, ascending within a phase up to {@code total}
   * @param total of {@link Phase#VISION} the vision tower's layers times all crops of all images
   *     that this question has to encode; of {@link Phase#PREFILL} the decoder's layers
   * @return false to end the question here with a {@link CancellationException}
   */
  default boolean onProgress(Phase phase, int done, int total) {
    return true;
  }
}
