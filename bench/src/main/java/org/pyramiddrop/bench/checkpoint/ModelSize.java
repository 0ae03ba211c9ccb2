package org.pyramiddrop.bench.checkpoint;

import java.util.List;
import java.util.stream.Collectors;
import org.pyramiddrop.loader.VisionConfig;

/**
 * The sizes that benchmarks run at.
 *
 * @param label its name
 * @param shape a model {@value CheckpointCache#LAYERS} decoder layers and one layer of a vision
 *     tower deep
 */
public record ModelSize(String label, CheckpointShape shape) {
  /** LLaVA-1.5-7B's widths. */
  public static final ModelSize LLAVA_7B =
      new ModelSize(
          "7b",
          new CheckpointShape(
              CheckpointCache.LAYERS,
              CheckpointShape.LLAVA_7B.hidden(),
              CheckpointShape.LLAVA_7B.intermediate(),
              CheckpointShape.LLAVA_7B.heads(),
              CheckpointShape.LLAVA_7B.keyValueHeads(),
              CheckpointShape.LLAVA_7B.vocabulary(),
              oneLayer(1024, 4096, 16, 336)));

  /** An eighth of them, for a quick look. */
  public static final ModelSize SMALL =
      new ModelSize(
          "small",
          new CheckpointShape(
              CheckpointCache.LAYERS, 512, 1376, 8, 8, 4096, oneLayer(256, 1024, 4, 336)));

  /** Next to nothing and odd, to see that all runs. */
  public static final ModelSize TINY =
      new ModelSize(
          "tiny",
          new CheckpointShape(CheckpointCache.LAYERS, 72, 101, 6, 2, 421, oneLayer(36, 52, 3, 56)));

  private static final List<ModelSize> ALL = List.of(LLAVA_7B, SMALL, TINY);

  /** Two layers deep, since features are the output of the last but one. */
  private static VisionConfig oneLayer(int hidden, int intermediate, int heads, int pixels) {
    return new VisionConfig(hidden, intermediate, 2, heads, pixels, 14, 3, 1e-5f, "quick_gelu");
  }

  /** The size of this name. */
  public static ModelSize of(String label) {
    return ALL.stream()
        .filter(size -> size.label.equals(label))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "there is no size "
                    + label
                    + "; choose "
                    + ALL.stream().map(ModelSize::label).collect(Collectors.joining(", "))));
  }
}
