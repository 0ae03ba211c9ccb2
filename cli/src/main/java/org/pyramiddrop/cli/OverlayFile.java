package org.pyramiddrop.cli;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.pyramiddrop.loader.AtomicFile;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.drawing.Overlay;

/** The PNG file that {@code --overlay} asks for. */
final class OverlayFile {
  private OverlayFile() {}

  /**
   * Refuses what could only fail after the work is done.
   *
   * @throws UsageException if the file can't be written there or there is no image
   * @throws IllegalArgumentException if an image token of the model stands for no place
   */
  static void check(Path file, LlavaConfig config, List<Path> images) {
    if (images.isEmpty()) {
      throw new UsageException("--overlay needs an --image");
    }
    Overlay.check(config);
    try {
      for (Path image : images) {
        if (Files.exists(file) && Files.exists(image) && Files.isSameFile(file, image)) {
          throw new UsageException("--overlay " + file + ": would replace the image");
        }
      }
      AtomicFile.check(file);
    } catch (IOException e) {
      throw new UsageException(cantBeWritten(file, e));
    }
  }

  /**
   * Writes a drawing.
   *
   * @throws RunFailedException if it can't be written
   */
  static void write(Path file, BufferedImage drawing) {
    try {
      AtomicFile.write(file, out -> Overlay.writePng(drawing, out));
    } catch (IOException e) {
      throw new RunFailedException(cantBeWritten(file, e), e);
    }
  }

  private static String cantBeWritten(Path file, IOException e) {
    return "--overlay " + file + ": " + AtomicFile.reason(e);
  }
}
