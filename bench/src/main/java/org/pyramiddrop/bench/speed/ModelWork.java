package org.pyramiddrop.bench.speed;

import java.util.List;
import java.util.Optional;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.engine.WeightTypes;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** The work of a model's parts, taken from {@link FlopCounter} so that tables and product agree. */
public final class ModelWork {
  /** Drops half of each image after the first layer. */
  public static final PruningPlan HALVE = PruningPlan.pyramid(List.of(1), 0.5);

  /** Tokens of text beside an image. */
  public static final int TEXT_TOKENS = 60;

  private ModelWork() {}

  /** An image with half of the text before it, half behind it. */
  public static PromptShape prompt(int imageTokens) {
    return PromptShape.of(TEXT_TOKENS / 2, imageTokens, 1, TEXT_TOKENS - TEXT_TOKENS / 2);
  }

  /** FLOPs of a decoder layer that no drop follows, on all tokens. */
  public static double layer(ModelShape shape, PromptShape prompt) {
    return prefill(shape, 2, PruningPlan.none(), prompt)
        - prefill(shape, 1, PruningPlan.none(), prompt);
  }

  /** FLOPs of the layer that ends a stage and keeps half of each image's tokens. */
  public static double layerBeforeDrop(ModelShape shape, PromptShape prompt) {
    int kept = HALVE.schedule(2).counts(prompt.imageTokens())[1];
    PromptShape after = PromptShape.of(prompt.textTokens(), kept, 1, 0);
    return prefill(shape, 2, HALVE, prompt) - prefill(shape, 1, PruningPlan.none(), after);
  }

  /** FLOPs of a prompt's way through the decoder, the head included, the vision tower not. */
  public static double prefill(ModelShape shape, int layers, PruningPlan plan, PromptShape prompt) {
    return new FlopCounter(with(shape, layers), plan.schedule(layers)).prefill(prompt);
  }

  /** FLOPs of a decode step behind a prompt and what earlier steps ran on, the head included. */
  public static double decodeStep(
      ModelShape shape, PruningPlan plan, PromptShape prompt, int generated) {
    return new FlopCounter(shape, plan.schedule(shape.layers())).decodeStep(prompt, generated);
  }

  /**
   * Bytes that the first decode step behind a prompt reads: every weight once, and all keys and
   * values.
   *
   * @param weights how weights are stored
   * @param keyValues how keys and values are
   */
  public static double decodeStepBytes(
      ModelShape shape, PruningPlan plan, PromptShape prompt, DType weights, DType keyValues) {
    return weightBytes(shape, weights) + keyValueBytes(shape, plan, prompt, 0, keyValues);
  }

  /**
   * Bytes of the matrices that each decode step reads: all layers' and the output head, which is
   * held in eight bits beside layers in blocks.
   */
  public static double weightBytes(ModelShape shape, DType dtype) {
    double head = (double) shape.hidden() * shape.vocab();
    DType ofHead =
        dtype.inBlocks()
            ? new WeightTypes(Optional.empty(), Optional.of(dtype)).head().orElse(dtype)
            : dtype;
    return (weights(shape) - head) * bytes(dtype) + head * bytes(ofHead);
  }

  /** Of a number of a large matrix. */
  public static double bytes(DType dtype) {
    int side = 1 << 12;
    return (double) dtype.bytes(side, side) / side / side;
  }

  /** Numbers of those matrices. */
  private static double weights(ModelShape shape) {
    PromptShape nothing = new PromptShape(List.of(0), List.of(), 0);
    double attention = 4.0 * shape.layers() * shape.heads() * shape.headSize();
    return (decodeStep(shape, PruningPlan.none(), nothing, 0) - attention) / 2;
  }

  /**
   * Bytes of keys and values that a decode step reads, its own token's included: what it does
   * beside its products is four FLOPs for each column of a query and key.
   *
   * @param generated tokens that earlier steps have run on
   */
  public static double keyValueBytes(
      ModelShape shape, PruningPlan plan, PromptShape prompt, int generated, DType dtype) {
    double attention = decodeStep(shape, plan, prompt, generated) - 2 * weights(shape);
    return attention / 2 / shape.heads() * shape.kvHeads() * dtype.bytes();
  }

  /** FLOPs of the projector's two layers for one image. */
  public static double projector(ModelShape shape) {
    int tokens = shape.vision().tokens();
    int features = shape.vision().hidden() * shape.vision().featureLayers();
    return new Product(tokens, features, shape.hidden()).flops()
        + new Product(tokens, shape.hidden(), shape.hidden()).flops();
  }

  /** FLOPs of an image's way through the vision tower's patch embedding and layers. */
  public static double visionTower(ModelShape shape) {
    FlopCounter counter = new FlopCounter(shape, PruningPlan.none().schedule(shape.layers()));
    return counter.vision(1) - projector(shape);
  }

  public static ModelShape with(ModelShape shape, int layers) {
    return new ModelShape(
        shape.hidden(),
        shape.intermediate(),
        layers,
        shape.heads(),
        shape.kvHeads(),
        shape.headSize(),
        shape.vocab(),
        shape.vision());
  }
}
