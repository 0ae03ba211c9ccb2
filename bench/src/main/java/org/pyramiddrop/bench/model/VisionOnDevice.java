package org.pyramiddrop.bench.model;

import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.VisionConfig;
import org.pyramiddrop.transformer.engine.ImageEncoder;
import org.pyramiddrop.transformer.engine.Resources;

/** A model's vision tower and projector, each to be run by itself on one random image. */
public final class VisionOnDevice implements AutoCloseable {
  private static final long SEED = 9;

  private final Resources owned = new Resources();
  private final Kernels kernels;
  private final ImageEncoder encoder;
  private final float[] pixels;
  private final Tensor patches;
  private final Tensor features;
  private final Tensor embeddings;

  /** Takes the memory; the model must stay open. */
  public VisionOnDevice(ModelOnDevice model) {
    try {
      kernels = model.kernels();
      encoder = model.engine().imageEncoder();
      VisionConfig vision = model.config().vision();
      int side = vision.imageSize();
      pixels = RandomNumbers.floats(vision.channels() * side * side, SEED);
      patches = owned.add(encoder.tower().allocatePatches());
      Pixels crop = new Pixels(vision.channels(), side, side, pixels);
      kernels.upload(encoder.tower().patches(crop), patches);
      features = owned.add(kernels.allocate(encoder.tower().tokens(), encoder.tower().columns()));
      int hidden = model.engine().decoder().hiddenSize();
      embeddings = owned.add(kernels.allocate(encoder.tower().tokens(), hidden));
      encode();
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  public Kernels kernels() {
    return kernels;
  }

  /** Runs the tower once, from patches to features, without waiting for the device. */
  public void encode() {
    encoder.tower().encode(patches, () -> {}, features);
  }

  /** Runs the projector once, from features to embeddings, without waiting for the device. */
  public void project() {
    encoder.projector().project(features, embeddings);
  }

  /** The image, channel by channel, each row by row. */
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
    owned.close();
  }
}
