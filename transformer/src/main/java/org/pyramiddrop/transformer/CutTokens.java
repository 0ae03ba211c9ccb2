package org.pyramiddrop.transformer;

import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.transformer.engine.ImageCuts;
import org.pyramiddrop.transformer.pruning.Cut;
import org.pyramiddrop.transformer.pruning.Place;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * What a cut before the decoder made of a prompt's images.
 *
 * @param place where it was made
 * @param kept for each image the tokens that went on, in that order, as indices into that image's
 *     own tokens before any cut
 * @param targets for each image those of its tokens that others may have been merged into, in that
 *     order
 * @param merged for each image, for each of its targets, those others
 */
public record CutTokens(
    Place place,
    List<List<Integer>> kept,
    List<List<Integer>> targets,
    List<List<List<Integer>>> merged) {

  /** Keeps its own copies of the indices. */
  public CutTokens {
    kept = kept.stream().map(List::copyOf).toList();
    targets = targets.stream().map(List::copyOf).toList();
    merged = merged.stream().map(of -> of.stream().map(List::copyOf).toList()).toList();
  }

  /** The place as plans are written: {@code tower} or {@code projector}. */
  public String placeName() {
    return place instanceof Place.Tower ? "tower" : "projector";
  }

  /** Tokens that went on, all images together. */
  public int tokens() {
    return kept.stream().mapToInt(List::size).sum();
  }

  /**
   * A plan's cuts of a prompt's images.
   *
   * @param images for each image, what each cut made of it
   */
  static List<CutTokens> of(PruningPlan plan, List<List<ImageCuts.Made>> images) {
    List<Cut> cuts = plan.cutsBeforeDecoder();
    return IntStream.range(0, cuts.size())
        .mapToObj(i -> {
          List<ImageCuts.Made> made = images.stream().map(image -> image.get(i)).toList();
          return new CutTokens(
              cuts.get(i).place(),
              made.stream().map(ImageCuts.Made::kept).toList(),
              made.stream().map(ImageCuts.Made::targets).toList(),
              made.stream().map(ImageCuts.Made::merged).toList());
        })
        .toList();
  }
}
