package org.pyramiddrop.training.model;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ProjectorDescription;
import org.pyramiddrop.transformer.engine.WeightStore;

/** Two linear layers with a GELU between, from features to embeddings. */
final class TrainedProjector {
  private final Device device;
  private final TrainedLinear first;
  private final TrainedLinear second;

  TrainedProjector(
      Device device, ProjectorDescription config, TrainedWeights weights, WeightStore store) {
    this.device = device;
    int hidden = config.hiddenSize();
    first =
        linear(device, config.first(), hidden, config.features(), config.bias(), weights, store);
    second = linear(device, config.second(), hidden, hidden, config.bias(), weights, store);
  }

  private static TrainedLinear linear(
      Device device,
      String name,
      int outputs,
      int inputs,
      boolean bias,
      TrainedWeights weights,
      WeightStore store) {
    return new TrainedLinear(
        device,
        weights.matrix(store, ModelPart.PROJECTOR, name + ".weight", outputs, inputs),
        bias ? weights.vector(store, ModelPart.PROJECTOR, name + ".bias", outputs) : null,
        null);
  }

  /**
   * What a forward pass saves.
   *
   * @param features its input, which the caller owns
   * @param inner the first layer's output, before the GELU
   */
  record Saved(Tensor features, Tensor inner) implements AutoCloseable {
    @Override
    public void close() {
      inner.close();
    }
  }

  /**
   * Projects features.
   *
   * @param out as many rows × the decoder's hidden size
   */
  Saved forward(Tensor features, Tensor out) {
    Tensor inner = device.kernels().allocate(features.rows(), first.outputs());
    try (Tensor activated = device.kernels().allocate(inner.rows(), inner.columns())) {
      first.forward(features, inner);
      device.gradients().activate(inner, Activation.GELU, activated);
      second.forward(activated, out);
    }
    return new Saved(features, inner);
  }

  /**
   * Adds the gradients of what is trained.
   *
   * @param dFeatures out: the input's; null if nobody asks
   */
  void backward(Saved saved, Tensor dOut, @Nullable Tensor dFeatures) {
    Tensor inner = saved.inner;
    try (Tensor activated = device.kernels().allocate(inner.rows(), inner.columns());
        Tensor dInner = device.kernels().allocate(inner.rows(), inner.columns())) {
      device.gradients().activate(inner, Activation.GELU, activated);
      second.backward(activated, dOut, false, dInner);
      device.gradients().activateGradient(inner, Activation.GELU, dInner, dInner);
      first.backward(saved.features, dInner, false, dFeatures);
    }
  }
}
