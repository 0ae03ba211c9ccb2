package org.pyramiddrop.cli;

import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import org.pyramiddrop.loader.Picture;
import org.pyramiddrop.loader.PictureLimits;
import picocli.CommandLine.Option;

/** The flags that bound what a picture may cost. */
final class PictureOptions {
  private static final PictureLimits DEFAULTS = PictureLimits.defaults();

  @Option(
      names = "--max-picture-bytes",
      paramLabel = "N",
      description = "The longest picture file that is read; ${DEFAULT-VALUE}.")
  private long bytes = DEFAULTS.maxBytes();

  @Option(
      names = "--max-picture-pixels",
      paramLabel = "N",
      description = "The most pixels, width times height; ${DEFAULT-VALUE}.")
  private long pixels = DEFAULTS.maxPixels();

  @Option(
      names = "--max-picture-seconds",
      paramLabel = "N",
      description = "How long a picture may take to decode; ${DEFAULT-VALUE}.")
  private long seconds = DEFAULTS.maxTime().toSeconds();

  /**
   * What the flags say.
   *
   * @throws IllegalArgumentException if one is out of its range
   */
  PictureLimits limits() {
    return new PictureLimits(bytes, pixels, DEFAULTS.maxScans(), Duration.ofSeconds(seconds));
  }

  /**
   * Reads a file.
   *
   * @throws org.pyramiddrop.loader.PictureException if it is no picture, or one beyond the limits
   */
  Picture read(Path file) {
    return Picture.read(file, limits());
  }

  /** Reads the standard input as {@link #read(Path)} reads a file. */
  Picture read(InputStream in) {
    return Picture.read(in, "the standard input", limits());
  }
}
