package org.pyramiddrop.loader;

import java.util.List;

/**
 * What builds a CLIP vision tower, as far as the layers that its features come from.
 *
 * @param layers how many layers run; the tower may have more
 * @param hiddenSize values of a patch's hidden state
 * @param intermediateSize width inside a feed-forward network
 * @param heads attention heads; they divide {@code hiddenSize}
 * @param imageSize pixels of a crop's side
 * @param patchSize pixels of a patch's side
 * @param channels colour channels of a crop
 * @param normEpsilon what a layer norm adds to the variance
 * @param activation between the two layers of a feed-forward network
 * @param featureStates hidden states that make up the features, side by side: 0 is what enters the
 *     first layer, i what layer i - 1 puts out
 * @param keepsClassToken whether the class token is among the features
 * @param prefix what the names of its tensors begin with, before {@code embeddings} and {@code
 *     encoder}
 */
public record VisionTowerDescription(
    int layers,
    int hiddenSize,
    int intermediateSize,
    int heads,
    int imageSize,
    int patchSize,
    int channels,
    float normEpsilon,
    Gelu activation,
    List<Integer> featureStates,
    boolean keepsClassToken,
    String prefix) {

  /** The form of the Gaussian error linear unit that a tower was trained with. */
  public enum Gelu {
    /** {@code x · Φ(x)}. */
    EXACT,
    /** {@code x · sigmoid(1.702 x)}. */
    QUICK
  }

  /** Keeps its own copy of the list. */
  public VisionTowerDescription {
    featureStates = List.copyOf(featureStates);
  }

  /** Patches of one crop. */
  public int patches() {
    int side = imageSize / patchSize;
    return side * side;
  }
}
