package org.pyramiddrop.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.LlavaConfig;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Prints what is in a checkpoint. */
@Command(
    name = "inspect",
    description = "What is in a checkpoint: its weights, its sizes, and its default pyramid.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class InspectCommand implements Callable<Integer> {
  private final PrintWriter out;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "The folder of a Hugging Face checkpoint.")
  private Path model = Path.of("");

  @Mixin private VisionTowerOption visionTower = new VisionTowerOption();

  @Option(names = "--tensors", description = "List every tensor.")
  private boolean tensors;

  @Option(
      names = "--format",
      paramLabel = "text|json",
      converter = EnumOption.OfFormat.class,
      description = "text is for people, json is one object.")
  private Format format = Format.TEXT;

  InspectCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    LlavaConfig config = ModelFolder.config(model, visionTower.folder());
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      Inspection inspection = Inspection.of(checkpoint, config, visionTower.folder(), tensors);
      if (format == Format.JSON) {
        out.println(Json.write(inspection));
      } else {
        inspection.lines().forEach(out::println);
      }
    }
    return 0;
  }
}
