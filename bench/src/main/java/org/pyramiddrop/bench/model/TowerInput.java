package org.pyramiddrop.bench.model;

import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.loader.VisionConfig;

/**
 * An image as the vision tower takes it.
 *
 * @param size of the image, which decides its tiles
 * @param layout which tokens it becomes
 * @param crops the whole image, then its tiles
 */
public record TowerInput(Resolution size, ImageLayout layout, List<Pixels> crops) {
  /** An image of random pixels, normally distributed. */
  public static TowerInput random(LlavaConfig config, Resolution size, long seed) {
    ImageLayout layout = ImageLayout.of(config, size);
    Random random = new Random(seed);
    return new TowerInput(
        size,
        layout,
        Stream.generate(() -> pixels(config.vision(), random)).limit(layout.crops()).toList());
  }

  private static Pixels pixels(VisionConfig vision, Random random) {
    int side = vision.imageSize();
    float[] values = new float[vision.channels() * side * side];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return new Pixels(vision.channels(), side, side, values);
  }
}
