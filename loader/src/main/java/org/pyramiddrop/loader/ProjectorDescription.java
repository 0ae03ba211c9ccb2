package org.pyramiddrop.loader;

/**
 * What builds the two linear layers, a GELU between them, that turn the vision tower's features
 * into the decoder's embeddings.
 *
 * @param features values of one feature
 * @param hiddenSize values of one embedding
 * @param bias whether both layers have biases
 * @param first what the names of the first layer's tensors begin with, before {@code .weight}
 * @param second the same of the second layer
 */
public record ProjectorDescription(
    int features, int hiddenSize, boolean bias, String first, String second) {}
