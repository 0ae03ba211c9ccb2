package org.pyramiddrop.bench;

import java.io.IOException;
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
    Path root = Path.of(System.getProperty(PROPERTY, "bench/target/bench"));
    try {
      return Files.createDirectories(root);
    } catch (IOException e) {
      throw OutputFile.failed(root, e);
    }
  }

  /**
   * A 7B model's decoder, cut to some layers, behind one layer of its vision tower, with random
   * bfloat16 weights; made when it is first asked for.
   */
  public static Path decoder(int layers) {
    return decoder(ModelSize.LLAVA_7B, layers);
  }

  /** A model of this size, that many decoder layers deep, likewise. */
  public static Path decoder(ModelSize size, int layers) {
    return checkpoint(size, size.shape().withLayers(layers));
  }

  /** A model of this size, {@value #LAYERS} decoder layers deep, likewise. */
  public static Path model(ModelSize size) {
    return checkpoint(size, size.shape());
  }

  private static Path checkpoint(ModelSize size, CheckpointShape shape) {
    Path folder = root().resolve("%s-%d-layers-and-vision".formatted(size.label(), shape.layers()));
    if (!Files.exists(folder)) {
      RandomCheckpoint.write(folder, shape.config(), DType.BFLOAT16, 1);
    } else if (!LlavaConfig.read(folder).equals(shape.config())) {
      throw new IllegalArgumentException(folder + " holds another model; delete it");
    }
    return folder;
  }
}
