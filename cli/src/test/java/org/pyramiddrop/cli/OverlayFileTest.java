package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OverlayFileTest {
  @TempDir private Path folder;

  @Test
  void holdsEveryPixelDrawn() throws IOException {
    BufferedImage drawing = noise();
    Path file = folder.resolve("overlay.png");
    OverlayFile.write(file, drawing);
    assertThat(pixels(ImageIO.read(file.toFile()))).isEqualTo(pixels(drawing));
  }

  @Test
  void thatCantBeWrittenIsAFailedRun() {
    Path file = folder.resolve("gone").resolve("overlay.png");
    assertThatThrownBy(() -> OverlayFile.write(file, noise()))
        .isInstanceOf(RunFailedException.class)
        .hasMessage("--overlay " + file + ": no such file");
  }

  private static int[] pixels(BufferedImage image) {
    return image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
  }

  private static BufferedImage noise() {
    Random random = new Random(1);
    BufferedImage image = new BufferedImage(31, 17, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 31 * 17; i++) {
      image.setRGB(i % 31, i / 31, random.nextInt(1 << 24));
    }
    return image;
  }
}
