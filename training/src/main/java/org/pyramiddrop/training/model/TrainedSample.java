package org.pyramiddrop.training.model;

import java.util.List;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.Pixels;

/**
 * A conversation to learn.
 *
 * @param ids its tokens, the image token once for each image
 * @param answer whether each of them is one of an answer's tokens
 * @param layouts which tokens each image becomes, in order
 * @param crops of each image, the whole one first
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record TrainedSample(
    int[] ids, boolean[] answer, List<ImageLayout> layouts, List<List<Pixels>> crops) {
  /** Keeps its own copies of the lists. */
  public TrainedSample {
    layouts = List.copyOf(layouts);
    crops = List.copyOf(crops);
  }

  /** Tokens that count for the loss. */
  public int answerTokens() {
    int count = 0;
    for (boolean own : answer) {
      count += own ? 1 : 0;
    }
    return count;
  }

  /** Tokens of all images, before any drop. */
  public int imageTokens() {
    return layouts.stream().mapToInt(ImageLayout::tokens).sum();
  }
}
