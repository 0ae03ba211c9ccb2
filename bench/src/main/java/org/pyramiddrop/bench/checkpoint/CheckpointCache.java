package org.pyramiddrop.bench.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import org.pyramiddrop.bench.report.BenchFolder;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;

/** Checkpoints of random weights that benchmarks run on, in {@link BenchFolder#root}. */
public final class CheckpointCache {
  /** Decoder layers of the checkpoint that layer and decode benchmarks run on. */
  public static final int LAYERS = 4;

  private CheckpointCache() {}

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
    Path folder =
        BenchFolder.root()
            .resolve("%s-%d-layers-and-vision".formatted(size.label(), shape.layers()));
    if (!Files.exists(folder)) {
      RandomCheckpoint.write(folder, shape.config(), DType.BFLOAT16, 1);
    } else if (!LlavaConfig.read(folder).equals(shape.config())) {
      throw new IllegalArgumentException(folder + " holds another model; delete it");
    }
    return folder;
  }
}
