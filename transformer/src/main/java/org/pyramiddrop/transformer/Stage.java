package org.pyramiddrop.transformer;

import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * One stage of the pyramid as it was run.
 *
 * @param firstLayer the first decoder layer that saw these tokens
 * @param imageTokens image tokens in the stage, all images together
 * @param kept for each image the tokens that were there, in the order of the sequence, as indices
 *     into that image's own tokens before any cut
 */
public record Stage(int firstLayer, int imageTokens, List<List<Integer>> kept) {

  /** Keeps its own copy of the indices. */
  public Stage {
    kept = kept.stream().map(List::copyOf).toList();
  }

  /**
   * The stages of a schedule.
   *
   * @param kept for each stage, for each image, the tokens that were there
   */
  static List<Stage> of(Schedule schedule, List<List<List<Integer>>> kept) {
    return IntStream.range(0, kept.size())
        .mapToObj(stage -> {
          int tokens = kept.get(stage).stream().mapToInt(List::size).sum();
          return new Stage(schedule.firstLayer(stage), tokens, kept.get(stage));
        })
        .toList();
  }

  /**
   * The layers of one of an answer's stages: {@code 8-15}, or {@code 8} where it has only one.
   *
   * @param layers the decoder's number of layers
   */
  public static String layers(List<Stage> stages, int stage, int layers) {
    int first = stages.get(stage).firstLayer();
    int end = stage + 1 < stages.size() ? stages.get(stage + 1).firstLayer() : layers;
    return first == end - 1 ? Integer.toString(first) : first + "-" + (end - 1);
  }
}
