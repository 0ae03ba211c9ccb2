package org.pyramiddrop.loader;

import org.jspecify.annotations.Nullable;

/**
 * What a model sees of a picture, still to look at.
 *
 * @param whole the whole picture in the vision tower's square
 * @param grid what the finer grid's patches see, side by side: the layout's rows and columns of
 *     patches; null where the layout has no such grid
 * @param layout which places of the two the picture's tokens stand for
 */
public record PictureView(Picture whole, @Nullable Picture grid, ImageLayout layout) {

  /** Refuses a finer grid without a layout of it, and the other way round. */
  public PictureView {
    if ((grid == null) != (layout.tiles() == null)) {
      throw new IllegalArgumentException("a view has a finer grid exactly if its layout has one");
    }
  }
}
