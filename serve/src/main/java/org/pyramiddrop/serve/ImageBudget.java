package org.pyramiddrop.serve;

import org.pyramiddrop.loader.Image;

/**
 * What the decoded images of all requests may take together. A request takes a part of it for each
 * of its images, and gives all back when it ends.
 */
final class ImageBudget {
  /** A decoded pixel's. */
  private static final int BYTES = 4;

  private final long all;
  private long taken;

  ImageBudget(long all) {
    this.all = all;
  }

  /** One request's part. */
  final class Part implements AutoCloseable {
    private long own;

    /**
     * Adds an image.
     *
     * @throws ApiException if the request's images alone are too much, or too much is taken now
     */
    void add(Image image, String param) {
      long bytes = (long) BYTES * image.width() * image.height();
      synchronized (ImageBudget.this) {
        if (own + bytes > all) {
          throw ApiException.tooLarge(
              param,
              "the images take more than the %,d bytes of memory that there are".formatted(all));
        }
        if (taken + bytes > all) {
          throw ApiException.busy(
              "the images of other requests take the memory of these; ask again later");
        }
        taken += bytes;
        own += bytes;
      }
    }

    @Override
    public void close() {
      synchronized (ImageBudget.this) {
        taken -= own;
        own = 0;
      }
    }
  }

  Part part() {
    return new Part();
  }
}
