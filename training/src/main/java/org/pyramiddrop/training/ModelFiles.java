package org.pyramiddrop.training;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.OriginalLayout;
import org.pyramiddrop.loader.Tokenizer;
import org.pyramiddrop.transformer.engine.Resources;

/** A checkpoint's folder, opened: all that training reads of it. */
record ModelFiles(
    Path folder,
    LlavaConfig config,
    Checkpoint checkpoint,
    Checkpoint towerCheckpoint,
    ModelDescription description,
    ImageProcessor processor,
    Tokenizer tokenizer) {
  private static final String IMAGE = "<image>";

  /**
   * Opens a folder.
   *
   * @param towerFolder of a vision tower that isn't in it; null if it is
   * @param owner closes what is opened
   * @throws CheckpointException if it is none of a LLaVA model that can be run
   */
  static ModelFiles open(Path folder, @Nullable Path towerFolder, Resources owner) {
    LlavaConfig config = LlavaConfig.read(folder, towerFolder);
    if (config.text().mlpBias()) {
      throw new CheckpointException(
          folder.resolve("config.json"), "text_config.mlp_bias isn't supported");
    }
    ImageProcessor processor =
        ImageProcessor.read(towerFolder == null ? folder : towerFolder, config);
    Checkpoint checkpoint = owner.add(Checkpoint.open(folder));
    Checkpoint tower = tower(config, checkpoint, towerFolder, owner);
    Tokenizer tokenizer = owner.add(Tokenizer.open(folder));
    config.checkImageToken(folder, IMAGE, tokenizer.id(IMAGE));
    return new ModelFiles(
        folder,
        config,
        checkpoint,
        tower,
        ModelDescription.of(config, checkpoint, tower),
        processor,
        tokenizer);
  }

  private static Checkpoint tower(
      LlavaConfig config, Checkpoint checkpoint, @Nullable Path towerFolder, Resources owner) {
    OriginalLayout original = config.original();
    if (original == null || original.isInside(checkpoint)) {
      return checkpoint;
    }
    if (towerFolder == null) {
      throw original.missingTower(checkpoint.folder());
    }
    return owner.add(Checkpoint.open(towerFolder));
  }
}
