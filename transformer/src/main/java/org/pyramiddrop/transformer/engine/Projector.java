package org.pyramiddrop.transformer.engine;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.loader.ProjectorDescription;

/**
 * Two linear layers with a GELU between: from the vision tower's features to the decoder's
 * embeddings.
 */
public final class Projector {
  private final Kernels kernels;
  private final Weight first;
  private final @Nullable Weight firstBias;
  private final Weight second;
  private final @Nullable Weight secondBias;

  /** Loads both layers. */
  public Projector(Kernels kernels, ProjectorDescription config, WeightStore store) {
    this.kernels = kernels;
    int hidden = config.hiddenSize();
    first = matrix(store, config.first(), hidden, config.features());
    firstBias = config.bias() ? store.vector(config.first() + ".bias", hidden) : null;
    second = matrix(store, config.second(), hidden, hidden);
    secondBias = config.bias() ? store.vector(config.second() + ".bias", hidden) : null;
  }

  private static Weight matrix(WeightStore store, String name, int rows, int columns) {
    return store.matrix(new WeightStore.Matrix(name + ".weight", rows, columns));
  }

  /**
   * Projects features.
   *
   * @param features tokens × the vision tower's columns
   * @param out tokens × the decoder's hidden size
   */
  public void project(Tensor features, Tensor out) {
    try (Tensor inner = kernels.allocate(features.rows(), first.rows())) {
      kernels.linear(features, first, firstBias, Activation.GELU, inner);
      kernels.linear(inner, second, secondBias, Activation.NONE, out);
    }
  }
}
