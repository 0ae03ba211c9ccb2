package org.pyramiddrop.transformer.pruning;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.loader.ImageLayout;

/**
 * The tokens of one image that cuts before the decoder choose from.
 *
 * @param patches of each crop, those that unpadding leaves
 * @param others tokens that are no crop's patches: a class token, newline tokens
 */
public record ImageShape(List<Integer> patches, int others) {
  /** Refuses negative counts. */
  public ImageShape {
    patches = List.copyOf(patches);
    if (others < 0 || patches.stream().anyMatch(n -> n < 0)) {
      throw new IllegalArgumentException("an image's token counts must not be negative");
    }
  }

  /** The shape of a laid out image. */
  public static ImageShape of(ImageLayout layout) {
    List<Integer> patches = new ArrayList<>();
    int all = 0;
    for (int crop = 0; crop < layout.crops(); crop++) {
      int count = layout.patches(crop);
      patches.add(count);
      all += count;
    }
    return new ImageShape(patches, layout.tokens() - all);
  }

  /** All tokens that stand for the image where nothing is cut. */
  public int tokens() {
    return others + patches.stream().mapToInt(Integer::intValue).sum();
  }
}
