package org.pyramiddrop.cli;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.drawing.Overlay;

/** The PNG file that {@code --overlay} asks for. */
final class OverlayFile {
  private OverlayFile() {}

  /**
   * Refuses what could only fail after the work is done.
   *
   * @throws BadUse if the file can't be written there or there is no image
   * @throws IllegalArgumentException if an image token of the model stands for no place
   */
  static void check(Path file, LlavaConfig config, int images) {
    if (images == 0) {
      throw new BadUse("--overlay needs an --image");
    }
    Overlay.check(config);
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new BadUse("--overlay " + file + ": no such folder as " + folder);
    }
    if (Files.isDirectory(file)) {
      throw new BadUse("--overlay " + file + ": is a folder");
    }
  }

  /**
   * Writes a drawing.
   *
   * @throws RunFailed if it can't be written
   */
  static void write(Path file, BufferedImage drawing) {
    try {
      if (!ImageIO.write(drawing, "png", file.toFile())) {
        throw new IOException("this Java has no PNG writer");
      }
    } catch (IOException e) {
      throw new RunFailed("--overlay " + file + ": " + e.getMessage(), e);
    }
  }
}
