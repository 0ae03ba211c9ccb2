package org.pyramiddrop.training.model;

import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.VisionTowerDescription;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.WeightStore;

/** One layer of CLIP's vision transformer over a crop's tokens. */
final class TrainedTowerLayer {
  private final Device device;
  private final Kernels kernels;
  private final Heads heads;
  private final Activation activation;
  private final TrainedLayerNorm norm1;
  private final TrainedLinear query;
  private final TrainedLinear key;
  private final TrainedLinear value;
  private final TrainedLinear output;
  private final TrainedLayerNorm norm2;
  private final TrainedLinear up;
  private final TrainedLinear down;

  /** Loads a layer whose tensors' names begin with {@code prefix}. */
  TrainedTowerLayer(
      Device device,
      VisionTowerDescription config,
      Activation activation,
      TrainedWeights weights,
      WeightStore store,
      String prefix) {
    this.device = device;
    this.activation = activation;
    kernels = device.kernels();
    int hidden = config.hiddenSize();
    int inner = config.intermediateSize();
    heads = new Heads(config.heads(), config.heads(), hidden / config.heads());
    Loader load = new Loader(device, weights, store, prefix);
    norm1 = load.norm("layer_norm1", hidden, config.normEpsilon());
    query = load.linear("self_attn.q_proj", hidden, hidden);
    key = load.linear("self_attn.k_proj", hidden, hidden);
    value = load.linear("self_attn.v_proj", hidden, hidden);
    output = load.linear("self_attn.out_proj", hidden, hidden);
    norm2 = load.norm("layer_norm2", hidden, config.normEpsilon());
    up = load.linear("mlp.fc1", inner, hidden);
    down = load.linear("mlp.fc2", hidden, inner);
  }

  /** Makes a tower's blocks. */
  record Loader(Device device, TrainedWeights weights, WeightStore store, String prefix) {
    TrainedLinear linear(String name, int outputs, int inputs) {
      return new TrainedLinear(
          device,
          weights.matrix(store, ModelPart.TOWER, prefix + name + ".weight", outputs, inputs),
          weights.vector(store, ModelPart.TOWER, prefix + name + ".bias", outputs),
          null);
    }

    TrainedLayerNorm norm(String name, int size, float epsilon) {
      return new TrainedLayerNorm(
          device,
          weights.vector(store, ModelPart.TOWER, prefix + name + ".weight", size),
          weights.vector(store, ModelPart.TOWER, prefix + name + ".bias", size),
          epsilon);
    }
  }

  /**
   * What a forward pass saves.
   *
   * @param x the layer's input, which the caller owns
   * @param attended what attention made, before the output projection
   * @param middle hidden states between attention and feed-forward network
   * @param inner the feed-forward network's first product, before its activation
   */
  record Saved(
      Tensor x,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor attended,
      Tensor middle,
      Tensor inner,
      Resources owned)
      implements AutoCloseable {
    @Override
    public void close() {
      owned.close();
    }
  }

  /** Runs the layer up to its last product. */
  Saved run(Tensor x) {
    Resources owned = new Resources();
    try (Tensor normed = norm1.forward(x)) {
      Tensor q = projected(query, normed, owned);
      Tensor k = projected(key, normed, owned);
      Tensor v = projected(value, normed, owned);
      Tensor attended = owned.add(kernels.allocate(x.rows(), x.columns()));
      kernels.attention(q, heads, k, v, new Mask.Full(), attended);
      Tensor middle = owned.add(device.copy(x));
      output.addForward(attended, middle);
      try (Tensor between = norm2.forward(middle)) {
        return new Saved(x, q, k, v, attended, middle, projected(up, between, owned), owned);
      }
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  private Tensor projected(TrainedLinear linear, Tensor x, Resources owned) {
    Tensor out = owned.add(kernels.allocate(x.rows(), linear.outputs()));
    linear.forward(x, out);
    return out;
  }

  /** The layer's output, which the caller closes. */
  Tensor output(Saved saved) {
    Tensor out = device.copy(saved.middle);
    try (Tensor activated = activated(saved)) {
      down.addForward(activated, out);
    }
    return out;
  }

  private Tensor activated(Saved saved) {
    Tensor activated = kernels.allocate(saved.inner.rows(), saved.inner.columns());
    device.gradients().activate(saved.inner, activation, activated);
    return activated;
  }

  /**
   * Adds the gradients of what is trained, and makes of the output's gradient the input's.
   *
   * @param dx in: the output's; out: the input's
   */
  void backward(Saved saved, Tensor dx) {
    int rows = dx.rows();
    int hidden = dx.columns();
    try (Tensor activated = activated(saved);
        Tensor dInner = kernels.allocate(rows, saved.inner.columns());
        Tensor between = norm2.forward(saved.middle);
        Tensor dBetween = kernels.allocate(rows, hidden)) {
      down.backward(activated, dx, false, dInner);
      device.gradients().activateGradient(saved.inner, activation, dInner, dInner);
      up.backward(between, dInner, false, dBetween);
      norm2.backward(saved.middle, dBetween, dx);
    }
    try (Tensor dAttended = kernels.allocate(rows, hidden);
        Tensor dq = kernels.allocate(rows, hidden);
        Tensor dk = kernels.allocate(rows, hidden);
        Tensor dv = kernels.allocate(rows, hidden);
        Tensor normed = norm1.forward(saved.x);
        Tensor dNormed = kernels.allocate(rows, hidden)) {
      output.backward(saved.attended, dx, false, dAttended);
      device
          .gradients()
          .attentionGradient(
              saved.q, heads, saved.k, saved.v, new Mask.Full(), dAttended, dq, dk, dv);
      query.backward(normed, dq, false, dNormed);
      key.backward(normed, dk, true, dNormed);
      value.backward(normed, dv, true, dNormed);
      norm1.backward(saved.x, dNormed, dx);
    }
  }
}
