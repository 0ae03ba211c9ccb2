package org.pyramiddrop.loader;

/** An image's size in pixels. */
public record Resolution(int height, int width) {

  /** Refuses a side below 1. */
  public Resolution {
    if (height < 1 || width < 1) {
      throw new IllegalArgumentException("an image of %d×%d pixels".formatted(width, height));
    }
  }

  @Override
  public String toString() {
    return width + "×" + height;
  }
}
