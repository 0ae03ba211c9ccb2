package org.pyramiddrop.transformer;

import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Pixels;

/** From a picture to the decoder's embeddings: vision tower and projector, recorded as one. */
final class ImageEncoder implements AutoCloseable {
  private final Kernels kernels;
  private final Resources owned = new Resources();
  private final VisionTower tower;
  private final Tensor patches;
  private final Tensor embeddings;
  private final Recording work;

  ImageEncoder(Kernels kernels, LlavaConfig config, WeightStore store) {
    this.kernels = kernels;
    try {
      tower = owned.add(new VisionTower(kernels, config, store));
      Projector projector = new Projector(kernels, config, tower.columns(), store);
      patches = owned.add(tower.allocatePatches());
      embeddings = owned.add(kernels.allocate(tower.tokens(), config.text().hiddenSize()));
      work =
          owned.add(
              kernels.record(() -> {
                try (Tensor features = kernels.allocate(tower.tokens(), tower.columns())) {
                  tower.encode(patches, features);
                  projector.project(features, embeddings);
                }
              }));
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  /** Tokens a picture becomes. */
  int tokens() {
    return tower.tokens();
  }

  /** Writes a picture's embeddings, {@link #tokens} × the decoder's hidden size. */
  void encode(Pixels pixels, Tensor out) {
    kernels.upload(tower.patches(pixels), patches);
    work.run();
    kernels.copy(embeddings, out);
  }

  @Override
  public void close() {
    owned.close();
  }
}
