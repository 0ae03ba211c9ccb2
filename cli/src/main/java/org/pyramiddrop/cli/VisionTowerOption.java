package org.pyramiddrop.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The flag that says where a checkpoint's vision tower is, if it isn't in the checkpoint. */
final class VisionTowerOption {
  @Option(
      names = "--vision-tower",
      paramLabel = "DIR",
      description =
          "The folder of the CLIP model that a checkpoint in the original LLaVA layout names as its"
              + " mm_vision_tower.")
  private @Nullable Path folder;

  /** The folder, or null if none is given. */
  @Nullable Path folder() {
    return folder;
  }
}
