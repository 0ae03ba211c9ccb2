package org.pyramiddrop.training.files;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Checkpoint;

/** Writes adapters, and what they are merged into, for {@code check_adapter.py}. */
final class AdapterForPeft {
  private AdapterForPeft() {}

  /** Takes the folder of the fixtures, and the one for what is written. */
  public static void main(String[] args) throws IOException {
    Path fixtures = Path.of(args[0]).toAbsolutePath().normalize();
    for (String name :
        List.of(
            "mha-float32",
            "gqa-bfloat16-sharded",
            "gqa-float32-sharded-oldnames",
            "next-vicuna-float32",
            "next-mistral-bfloat16-sharded")) {
      for (boolean projector : new boolean[] {false, true}) {
        Path out = Path.of(args[1]).resolve(projector ? name + "-projector" : name);
        try (Checkpoint checkpoint = Checkpoint.open(fixtures.resolve(name))) {
          RandomLora lora = RandomLora.of(checkpoint, projector, new Random(1));
          AdapterWriter.write(
              out.resolve("adapter"),
              new AdapterWriter.Settings(
                  checkpoint.folder().toString(), RandomLora.RANK, RandomLora.ALPHA),
              lora.entries(),
              DType.FLOAT32);
          ModelFolderWriter.write(
              checkpoint, out.resolve("merged"), lora.merged(), Optional.of(DType.FLOAT32));
        }
      }
    }
  }
}
