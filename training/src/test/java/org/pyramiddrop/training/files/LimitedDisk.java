package org.pyramiddrop.training.files;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Checkpoint;

/** Writes into a folder in a process of its own, which a test allows files of some size only. */
final class LimitedDisk {
  private LimitedDisk() {}

  /** Takes what to write, a model's folder and the target; prints why it can't be written. */
  public static void main(String[] args) {
    Path target = Path.of(args[2]);
    try (Checkpoint checkpoint = Checkpoint.open(Path.of(args[1]))) {
      switch (args[0]) {
        case "model" ->
            ModelFolderWriter.write(checkpoint, target, Map.of(), Optional.of(DType.FLOAT32));
        case "adapter" ->
            AdapterWriter.write(
                target,
                new AdapterWriter.Settings("base", 200, 1),
                List.of(
                    large("model.layers.0.mlp.up_proj.lora_A.weight", 200, 1000),
                    large("model.layers.0.mlp.up_proj.lora_B.weight", 1000, 200)),
                DType.FLOAT32);
        default ->
            TrainingStateFile.write(
                target,
                2,
                Map.of(),
                List.of(new TrainingStateFile.Entry("large", List.of(100_000L))),
                (_, _) -> new float[100_000]);
      }
      System.out.println("written");
    } catch (IOException e) {
      System.out.println(e.getMessage());
    }
  }

  private static AdapterWriter.Entry large(String name, long rows, long columns) {
    return new AdapterWriter.Entry(
        name, List.of(rows, columns), () -> new float[Math.toIntExact(rows * columns)]);
  }
}
