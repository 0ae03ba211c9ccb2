package org.pyramiddrop.bench.speed.training;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.pyramiddrop.bench.model.TowerInput;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.training.model.TrainedSample;

/**
 * Samples of random words and one image of random pixels each, ending in an answer.
 *
 * @param size of each image
 */
record RandomSamples(List<TrainedSample> samples, Resolution size) {
  private static final long SEED = 8;

  /**
   * Draws samples, with images of one crop, or of five where the model cuts tiles.
   *
   * @param textTokens of each, the answer's included; the image is in the middle of the others
   */
  static RandomSamples draw(LlavaConfig config, int count, int textTokens, int answerTokens) {
    Random random = new Random(SEED);
    int side = config.vision().imageSize() * (config.anyResolution() ? 2 : 1);
    Resolution size = new Resolution(side, side);
    List<TrainedSample> samples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      TowerInput image = TowerInput.random(config, size, SEED + i);
      int[] ids = random.ints(textTokens + 1, 0, config.imageTokenId()).toArray();
      ids[(textTokens - answerTokens) / 2] = config.imageTokenId();
      boolean[] answer = new boolean[ids.length];
      for (int at = ids.length - answerTokens; at < ids.length; at++) {
        answer[at] = true;
      }
      samples.add(new TrainedSample(ids, answer, List.of(image.layout()), List.of(image.crops())));
    }
    return new RandomSamples(samples, size);
  }

  /** Of each sample. */
  int imageTokens() {
    return samples.getFirst().imageTokens();
  }

  /** Of each sample's image. */
  int crops() {
    return samples.getFirst().crops().getFirst().size();
  }
}
