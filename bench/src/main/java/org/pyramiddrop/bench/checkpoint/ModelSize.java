package org.pyramiddrop.bench.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.VisionConfig;

/** The sizes that benchmarks run at, and checkpoints of them in {@link BenchFolder#root}. */
public enum ModelSize {
  /** LLaVA-1.5-7B's widths. */
  LLAVA_7B("7b"),
  /** An eighth of them, for a quick look. */
  SMALL("small"),
  /** Next to nothing and odd, to see that all runs. */
  TINY("tiny");

  /** Decoder layers that layer and decode benchmarks run on. */
  public static final int LAYERS = 4;

  private final String label;

  ModelSize(String label) {
    this.label = label;
  }

  /** Two layers deep, since features are the output of the last but one. */
  private static VisionConfig oneLayer(int hidden, int intermediate, int heads, int pixels) {
    return CheckpointShape.clip(hidden, intermediate, 2, heads, pixels);
  }

  public static ModelSize of(String label) {
    for (ModelSize size : values()) {
      if (size.label.equals(label)) {
        return size;
      }
    }
    throw new IllegalArgumentException(
        "there is no size %s; choose 7b, small, tiny".formatted(label));
  }

  public String label() {
    return label;
  }

  /** A model {@value #LAYERS} decoder layers and one layer of a vision tower deep. */
  public CheckpointShape shape() {
    CheckpointShape whole = CheckpointShape.LLAVA_7B;
    return switch (this) {
      case LLAVA_7B -> whole.withLayers(LAYERS).withVision(oneLayer(1024, 4096, 16, 336));
      case SMALL -> new CheckpointShape(LAYERS, 512, 1376, 8, 8, 4096, oneLayer(256, 1024, 4, 336));
      case TINY -> new CheckpointShape(LAYERS, 72, 101, 6, 2, 421, oneLayer(36, 52, 3, 56));
    };
  }

  /** A checkpoint of that shape with random bfloat16 weights, made when it is first asked for. */
  public Path checkpoint() {
    return checkpoint(LAYERS);
  }

  public Path checkpoint(int layers) {
    return checkpoint(
        "%s-%d-layers-and-vision".formatted(label, layers), shape().withLayers(layers).config());
  }

  /** A checkpoint of that name in {@link BenchFolder#root}, made when it is first asked for. */
  public static Path checkpoint(String name, LlavaConfig config) {
    Path folder = BenchFolder.root().resolve(name);
    if (!Files.exists(folder)) {
      RandomCheckpoint.write(folder, config, DType.BFLOAT16, 1);
    } else if (!LlavaConfig.read(folder).equals(config)) {
      throw new IllegalArgumentException(folder + " holds another model; delete it");
    }
    return folder;
  }
}
