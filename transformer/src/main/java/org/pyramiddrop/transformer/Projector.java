package org.pyramiddrop.transformer;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.loader.LlavaConfig;

/**
 * Two linear layers with a GELU between: from the vision tower's features to the decoder's
 * embeddings.
 */
final class Projector {
  private final Kernels kernels;
  private final Weight first;
  private final @Nullable Weight firstBias;
  private final Weight second;
  private final @Nullable Weight secondBias;

  Projector(Kernels kernels, LlavaConfig llava, int features, WeightStore store) {
    this.kernels = kernels;
    int hidden = llava.text().hiddenSize();
    String one;
    String two;
    if (llava.original() == null) {
      String p =
          store.prefix("linear_1.weight", "model.multi_modal_projector.", "multi_modal_projector.");
      one = p + "linear_1";
      two = p + "linear_2";
    } else {
      // Numbered in a sequence, the GELU being 1.
      one = "model.mm_projector.0";
      two = "model.mm_projector.2";
    }
    first = store.matrix(new WeightStore.Named(one + ".weight", hidden, features));
    firstBias = llava.projectorBias() ? store.vector(one + ".bias", hidden) : null;
    second = store.matrix(new WeightStore.Named(two + ".weight", hidden, hidden));
    secondBias = llava.projectorBias() ? store.vector(two + ".bias", hidden) : null;
  }

  /**
   * Projects features.
   *
   * @param features tokens × the vision tower's columns
   * @param out tokens × the decoder's hidden size
   */
  void project(Tensor features, Tensor out) {
    try (Tensor inner = kernels.allocate(features.rows(), first.rows())) {
      kernels.linear(features, first, firstBias, Activation.GELU, inner);
      kernels.linear(inner, second, secondBias, Activation.NONE, out);
    }
  }
}
