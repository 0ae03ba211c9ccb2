package org.pyramiddrop.training.files;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Parameter;
import org.pyramiddrop.loader.Checkpoint;

/** Writes into a folder in a process of its own, which may die of it. */
final class WriterProcess {
  /** Its exit status where it kills itself, as a shell tells it. */
  static final int KILLED = 137;

  private static final int LARGE = 100_000;

  private WriterProcess() {}

  /**
   * Takes what to write, a model's folder, the target, and whether to die when half of it is
   * written; prints why it can't be written.
   */
  public static void main(String[] args) {
    Path target = Path.of(args[2]);
    boolean dies = Boolean.parseBoolean(args[3]);
    try (Checkpoint checkpoint = Checkpoint.open(Path.of(args[1]))) {
      switch (args[0]) {
        case "model" -> {
          String last = List.copyOf(checkpoint.names()).getLast();
          float[] values = new float[Math.toIntExact(checkpoint.tensor(last).elements())];
          ModelFolderWriter.write(
              checkpoint, target, Map.of(last, numbers(values, dies)), Optional.of(DType.FLOAT32));
        }
        case "adapter" -> {
          String module = "model.layers.0.mlp.up_proj.lora_";
          AdapterWriter.write(
              target,
              new AdapterWriter.Settings("base", 200, 1),
              List.of(
                  new AdapterWriter.Entry(
                      module + "A.weight", List.of(200L, 500L), () -> new float[LARGE]),
                  new AdapterWriter.Entry(
                      module + "B.weight", List.of(500L, 200L), numbers(new float[LARGE], dies))),
              DType.FLOAT32);
        }
        default ->
            TrainingStateFile.write(
                target,
                2,
                Map.of(),
                List.of(new TrainingStateFile.Entry("large", List.of((long) LARGE))),
                (_, content) ->
                    numbers(new float[LARGE], dies && content == Parameter.Content.SECOND_MOMENT)
                        .get());
      }
      System.out.println("written");
    } catch (IOException e) {
      System.out.println(e.getMessage());
    }
  }

  private static Supplier<float[]> numbers(float[] values, boolean dies) {
    return () -> {
      if (dies) {
        Runtime.getRuntime().halt(KILLED);
      }
      return values;
    };
  }
}
