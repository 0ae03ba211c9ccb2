package org.pyramiddrop.transformer;

import java.util.List;

/**
 * One stage of the pyramid as it was run.
 *
 * @param firstLayer the first decoder layer that saw these tokens
 * @param imageTokens image tokens in the stage, all images together
 * @param kept for each image the tokens that were there, ascending, as indices into that image's
 *     own tokens before any drop
 */
public record Stage(int firstLayer, int imageTokens, List<List<Integer>> kept) {

  /** Keeps its own copy of the indices. */
  public Stage {
    kept = kept.stream().map(List::copyOf).toList();
  }
}
