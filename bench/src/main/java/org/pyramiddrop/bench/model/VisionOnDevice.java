package org.pyramiddrop.bench.model;

import java.nio.file.Path;
import java.util.Optional;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.VisionConfig;
import org.pyramiddrop.transformer.engine.Engine;
import org.pyramiddrop.transformer.engine.Projector;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.VisionTower;
import org.pyramiddrop.transformer.engine.WeightStore;

/** A checkpoint's vision tower and projector, each to be run by itself on one random picture. */
public final class VisionOnDevice implements AutoCloseable {
  private static final long SEED = 9;

  private final Resources resources;
  private final Kernels kernels;
  private final VisionTower tower;
  private final Projector projector;
  private final float[] pixels;
  private final Tensor patches;
  private final Tensor features;
  private final Tensor embeddings;

  private VisionOnDevice(
      Path folder, Optional<DType> dtype, Engine.Device device, Resources resources) {
    this.resources = resources;
    LlavaConfig config = LlavaConfig.read(folder);
    Checkpoint checkpoint = resources.add(Checkpoint.open(folder));
    ModelDescription description = ModelDescription.of(config, checkpoint, checkpoint);
    kernels =
        resources.add(
            device.open(
                dtype.orElseGet(() -> WeightStore.activations(checkpoint, description.decoder()))));
    // A GPU converts what it is handed; the CPU computes with weights as it gets them.
    Optional<DType> handed = kernels.replays() ? Optional.empty() : dtype;
    WeightStore weights = resources.add(new WeightStore(checkpoint, kernels, handed));
    tower = resources.add(new VisionTower(kernels, description.visionTower(), weights));
    projector = new Projector(kernels, description.projector(), weights);
    VisionConfig vision = config.vision();
    int side = vision.imageSize();
    pixels = DecoderOnDevice.uniform(vision.channels() * side * side, SEED);
    patches = resources.add(tower.allocatePatches());
    kernels.upload(tower.patches(new Pixels(vision.channels(), side, side, pixels)), patches);
    features = resources.add(kernels.allocate(tower.tokens(), tower.columns()));
    embeddings = resources.add(kernels.allocate(tower.tokens(), config.text().hiddenSize()));
    encode();
  }

  /** Opens a model folder on a device. */
  public static VisionOnDevice open(Path folder, Optional<DType> dtype, Engine.Device device) {
    Resources resources = new Resources();
    try {
      return new VisionOnDevice(folder, dtype, device, resources);
    } catch (RuntimeException | Error e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  /** The device it runs on. */
  public Kernels kernels() {
    return kernels;
  }

  /** Runs the tower once, from patches to features, without waiting for the device. */
  public void encode() {
    tower.encode(patches, () -> {}, features);
  }

  /** Runs the projector once, from features to embeddings, without waiting for the device. */
  public void project() {
    projector.project(features, embeddings);
  }

  /** The picture, channel by channel, each row by row. */
  public float[] pixels() {
    return pixels.clone();
  }

  /** What the tower came to, tokens × its columns. */
  public float[] features() {
    return kernels.download(features);
  }

  /** What the projector came to, tokens × the decoder's hidden size. */
  public float[] embeddings() {
    return kernels.download(embeddings);
  }

  @Override
  public void close() {
    resources.close();
  }
}
