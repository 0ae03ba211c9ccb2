package org.pyramiddrop.loader;

import org.jspecify.annotations.Nullable;

/**
 * What a model sees of an image, still to look at.
 *
 * @param whole the whole image in the vision tower's square
 * @param grid what the finer grid's patches see, side by side: the layout's rows and columns of
 *     patches; null where the layout has no such grid
 * @param layout which places of the two the image's tokens stand for
 */
public record ImageView(Image whole, @Nullable Image grid, ImageLayout layout) {

  /** Refuses a finer grid without a layout of it, and the other way round. */
  public ImageView {
    if ((grid == null) != (layout.tiles() == null)) {
      throw new IllegalArgumentException("a view has a finer grid exactly if its layout has one");
    }
  }
}
