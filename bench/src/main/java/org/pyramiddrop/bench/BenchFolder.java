package org.pyramiddrop.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;

/** Where benchmarks keep results and the checkpoints they run on. */
public final class BenchFolder {
  /** Decoder layers of the checkpoint that layer and decode benchmarks run on. */
  public static final int LAYERS = 4;

  /** Names another folder than {@code bench/target/bench}. */
  public static final String PROPERTY = "pyramiddrop.bench.folder";

  private BenchFolder() {}

  public static Path root() {
    try {
      return Files.createDirectories(Path.of(System.getProperty(PROPERTY, "bench/target/bench")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The decoder of a 7B model, cut to some layers, with random bfloat16 weights; made when it is
   * first asked for.
   */
  public static Path decoder(int layers) {
    Path folder = root().resolve("7b-" + layers + "-layers");
    if (!Files.exists(folder)) {
      LlavaConfig config = CheckpointShape.LLAVA_7B.withLayers(layers).withTinyVision().config();
      RandomCheckpoint.write(folder, config, DType.BFLOAT16, 1);
    }
    return folder;
  }
}
