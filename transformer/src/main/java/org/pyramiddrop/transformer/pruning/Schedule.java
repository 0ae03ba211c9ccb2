package org.pyramiddrop.transformer.pruning;

import java.util.List;
import java.util.Objects;

/**
 * A plan laid out over a decoder's layers.
 *
 * <p>Stages are the runs of layers between drops, numbered from 0; there is one more of them than
 * there are drops.
 *
 * @param layers the decoder's number of layers
 * @param drops ascending by layer, all inside the decoder
 */
public record Schedule(int layers, List<Drop> drops, Ranking ranking, Positions positions) {

  /** Refuses a drop outside 1 to layers - 1, or not after the drop before it. */
  public Schedule {
    drops = List.copyOf(drops);
    int previous = 0;
    for (Drop drop : drops) {
      int layer = drop.afterLayer();
      if (layer < 1 || layer >= layers) {
        throw new IllegalArgumentException(
            "drop layer "
                + layer
                + " is outside the model's "
                + layers
                + " decoder layers: "
                + (layers > 1 ? "choose 1 to " + (layers - 1) : "it has no place for a drop"));
      }
      if (layer <= previous) {
        throw new IllegalArgumentException(
            "drop layer " + layer + " doesn't come after drop layer " + previous);
      }
      previous = layer;
    }
  }

  /** The number of stages. */
  public int stages() {
    return drops.size() + 1;
  }

  /** The first layer of a stage. */
  public int firstLayer(int stage) {
    Objects.checkIndex(stage, stages());
    return stage == 0 ? 0 : drops.get(stage - 1).afterLayer();
  }

  /** How many layers a stage has. */
  public int layersIn(int stage) {
    int end = stage == drops.size() ? layers : firstLayer(stage + 1);
    return end - firstLayer(stage);
  }

  /** The stage that a layer belongs to. */
  public int stageOf(int layer) {
    Objects.checkIndex(layer, layers);
    int stage = 0;
    while (stage < drops.size() && layer >= drops.get(stage).afterLayer()) {
      stage++;
    }
    return stage;
  }

  /**
   * Returns how many tokens of one image each stage holds.
   *
   * @param imageTokens the image's tokens that enter the decoder
   * @throws IllegalArgumentException if a drop would keep more tokens than its stage has
   */
  public int[] counts(int imageTokens) {
    if (imageTokens < 0) {
      throw new IllegalArgumentException("image tokens must not be negative, got " + imageTokens);
    }
    int[] counts = new int[stages()];
    counts[0] = imageTokens;
    for (int i = 0; i < drops.size(); i++) {
      int kept = drops.get(i).keep().count(imageTokens, counts[i]);
      if (kept > counts[i]) {
        throw new IllegalArgumentException(
            "the drop after layer "
                + drops.get(i).afterLayer()
                + " would keep "
                + kept
                + " of "
                + counts[i]
                + " image tokens");
      }
      counts[i + 1] = kept;
    }
    return counts;
  }
}
