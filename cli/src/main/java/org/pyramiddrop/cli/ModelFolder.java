package org.pyramiddrop.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.HubCache;
import org.pyramiddrop.loader.LlavaConfig;

/** Tells a wrong path from a checkpoint that can't be used. */
final class ModelFolder {
  private ModelFolder() {}

  /**
   * Reads the configuration of the model in a folder.
   *
   * @param visionTower the folder of its vision tower, if that is another
   * @throws UsageException if it is no folder, or not one with a model
   * @throws org.pyramiddrop.loader.CheckpointException if the configuration is damaged or not
   *     supported
   */
  static LlavaConfig config(Path folder, @Nullable Path visionTower) {
    check(folder, "--model takes the folder of a Hugging Face checkpoint");
    if (visionTower != null) {
      check(visionTower, "--vision-tower takes the folder of a CLIP model");
    }
    return LlavaConfig.read(folder, visionTower);
  }

  private static void check(Path folder, String takes) {
    if (!Files.isDirectory(folder)) {
      throw new UsageException(
          folder + (Files.exists(folder) ? " is no folder" : ": no such folder") + "; " + takes);
    }
    if (!Files.exists(folder.resolve("config.json"))) {
      String why = HubCache.hint(folder).orElse("has no config.json; " + takes);
      throw new UsageException(folder + " " + why);
    }
  }
}
