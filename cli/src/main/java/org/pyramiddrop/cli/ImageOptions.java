package org.pyramiddrop.cli;

import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLimits;
import picocli.CommandLine.Option;

/** The flags that bound what an image may cost. */
final class ImageOptions {
  private static final ImageLimits DEFAULTS = ImageLimits.defaults();

  @Option(
      names = "--max-image-bytes",
      paramLabel = "N",
      description = "The longest image file that is read; ${DEFAULT-VALUE}.")
  private long bytes = DEFAULTS.maxBytes();

  @Option(
      names = "--max-image-pixels",
      paramLabel = "N",
      description = "The most pixels, width times height; ${DEFAULT-VALUE}.")
  private long pixels = DEFAULTS.maxPixels();

  @Option(
      names = "--max-image-seconds",
      paramLabel = "N",
      description = "How long an image may take to decode; ${DEFAULT-VALUE}.")
  private long seconds = DEFAULTS.maxTime().toSeconds();

  /**
   * What the flags say.
   *
   * @throws IllegalArgumentException if one is out of its range
   */
  ImageLimits limits() {
    return new ImageLimits(bytes, pixels, DEFAULTS.maxScans(), Duration.ofSeconds(seconds));
  }

  /**
   * Reads a file.
   *
   * @throws org.pyramiddrop.loader.ImageException if it is no image, or one beyond the limits
   */
  Image read(Path file) {
    return Image.read(file, limits());
  }

  /** Reads the standard input as {@link #read(Path)} reads a file. */
  Image read(InputStream in) {
    return Image.read(in, "the standard input", limits());
  }
}
