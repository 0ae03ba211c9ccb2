package org.pyramiddrop.loader;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * A checkpoint's folder, opened: what running and training read of it.
 *
 * @param towerCheckpoint what has the vision tower's weights: the same as {@code checkpoint}, or
 *     another
 */
public record ModelFiles(
    Path folder,
    LlavaConfig config,
    Checkpoint checkpoint,
    Checkpoint towerCheckpoint,
    ModelDescription description,
    ImageProcessor imageProcessor,
    ChatTemplate chatTemplate,
    Tokenizer tokenizer)
    implements AutoCloseable {
  /**
   * Opens a folder.
   *
   * @param towerFolder of a vision tower that isn't in it; null if it is
   * @param access how weights are read
   * @throws CheckpointException if it is none of a LLaVA model that can be run
   */
  public static ModelFiles open(Path folder, @Nullable Path towerFolder, FileAccess access) {
    LlavaConfig config = LlavaConfig.read(folder, towerFolder);
    if (config.text().mlpBias()) {
      throw new CheckpointException(
          folder.resolve("config.json"), "text_config.mlp_bias isn't supported");
    }
    ImageProcessor processor =
        ImageProcessor.read(towerFolder == null ? folder : towerFolder, config);
    ChatTemplate template = ChatTemplate.read(folder);
    Deque<Runnable> opened = new ArrayDeque<>();
    try {
      Checkpoint checkpoint = Checkpoint.open(folder, access);
      opened.push(checkpoint::close);
      OriginalLayout original = config.original();
      Checkpoint tower = checkpoint;
      if (original != null && !original.isInside(checkpoint)) {
        if (towerFolder == null) {
          throw original.missingTower(checkpoint.folder());
        }
        tower = Checkpoint.open(towerFolder, access);
        opened.push(tower::close);
      }
      Tokenizer tokenizer = Tokenizer.open(folder);
      opened.push(tokenizer::close);
      config.checkImageToken(folder, ChatTemplate.IMAGE, tokenizer.id(ChatTemplate.IMAGE));
      return new ModelFiles(
          folder,
          config,
          checkpoint,
          tower,
          ModelDescription.of(config, checkpoint, tower),
          processor,
          template,
          tokenizer);
    } catch (RuntimeException | Error e) {
      opened.forEach(Runnable::run);
      throw e;
    }
  }

  @Override
  public void close() {
    tokenizer.close();
    if (!towerCheckpoint.equals(checkpoint)) {
      towerCheckpoint.close();
    }
    checkpoint.close();
  }
}
