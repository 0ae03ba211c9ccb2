package org.pyramiddrop.transformer;

import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.transformer.engine.Prompt;

/**
 * How much attention image tokens get from the prompt's last token in one decoder layer, before
 * anything is dropped: what {@link org.pyramiddrop.transformer.pruning.Ranking#STAGE_END} would
 * rank them by at that layer's end.
 *
 * @param layer the decoder layer, from 0
 * @param images for each image one number a token, the mean over heads of softmax((q·kᵀ)/√d); all
 *     tokens of the prompt together, text included, get 1
 */
public record AttentionMap(int layer, List<List<Float>> images) {

  /**
   * A layer's map.
   *
   * @param scores one number a token of the prompt
   * @param spans where its images lie
   */
  static AttentionMap of(int layer, float[] scores, List<Prompt.Span> spans) {
    return new AttentionMap(
        layer,
        spans.stream()
            .map(image ->
                IntStream.range(image.start(), image.start() + image.count())
                    .mapToObj(i -> scores[i])
                    .toList())
            .toList());
  }

  /** Keeps its own copy of the numbers. */
  public AttentionMap {
    images = images.stream().map(List::copyOf).toList();
  }
}
