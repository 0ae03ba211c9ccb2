package org.pyramiddrop.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import org.pyramiddrop.loader.LlavaConfig;

/** Tells a wrong path from a checkpoint that can't be used. */
final class ModelFolder {
  private ModelFolder() {}

  /**
   * Reads the configuration of the model in a folder.
   *
   * @throws BadUse if it is no folder, or not one with a model
   * @throws org.pyramiddrop.loader.CheckpointException if the configuration is damaged or not
   *     supported
   */
  static LlavaConfig config(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new BadUse(
          folder
              + (Files.exists(folder) ? " is no folder" : ": no such folder")
              + "; --model takes the folder of a Hugging Face checkpoint");
    }
    if (!Files.exists(folder.resolve("config.json"))) {
      throw new BadUse(
          folder + " has no config.json; --model takes the folder of a Hugging Face checkpoint");
    }
    return LlavaConfig.read(folder);
  }
}
