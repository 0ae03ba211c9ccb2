package org.pyramiddrop.loader;

import java.util.Optional;

/**
 * What builds a decoder of any supported family: RMS norms, rotary positions, attention with
 * grouped key and value heads, a gated SiLU feed-forward network.
 *
 * @param layers how many layers it has
 * @param hiddenSize values of a token's hidden state
 * @param intermediateSize width inside a feed-forward network
 * @param heads query heads
 * @param keyValueHeads key and value heads; they divide {@code heads}
 * @param headSize values of one head, even
 * @param vocabularySize rows of the embedding and of the output head
 * @param maxPositions the longest sequence it was made for, in tokens
 * @param normEpsilon what a norm adds to the mean square
 * @param rotaryBase base of the rotary embedding's wavelengths
 * @param attentionBias whether the four attention projections have biases
 * @param prefix what the names of its tensors begin with, before {@code embed_tokens}, {@code
 *     layers.0} and {@code norm}
 * @param outputHead the name of the output head's tensor; empty if the embedding serves
 * @param quantization how the layers' matrices are quantised, where they lie in several tensors
 */
public record DecoderDescription(
    int layers,
    int hiddenSize,
    int intermediateSize,
    int heads,
    int keyValueHeads,
    int headSize,
    int vocabularySize,
    int maxPositions,
    float normEpsilon,
    double rotaryBase,
    boolean attentionBias,
    String prefix,
    Optional<String> outputHead,
    Optional<StoredQuantization> quantization) {

  /** The name of the token embedding's tensor, {@code vocabularySize} × {@code hiddenSize}. */
  public String embedding() {
    return prefix + "embed_tokens.weight";
  }
}
