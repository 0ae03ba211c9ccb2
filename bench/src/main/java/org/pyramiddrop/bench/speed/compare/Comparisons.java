package org.pyramiddrop.bench.speed.compare;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.compare.ModelComparison.Input;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;

/** The comparisons that {@code make compare} holds. */
final class Comparisons {
  private static final List<DType> DTYPES = List.of(DType.BFLOAT16, DType.FLOAT32);

  /** Tokens of a model's answer. */
  private static final int ANSWER = 8;

  /** An image and words, as in a LLaVA-1.5 prompt. */
  private static final int PROMPT = 636;

  private static final Path SCENES = Path.of("models", "scenes");
  private static final String QUESTION = "what number is on the gray triangle ?";

  /** A model between the demo's and a real one: 173 million weights, 576 image tokens. */
  private static final CheckpointShape MIDDLE =
      new CheckpointShape(
          8, 1024, 2816, 16, 16, 8064, CheckpointShape.clip(1024, 4096, 4, 16, 336));

  private Comparisons() {}

  /** All comparisons; the checkpoints they run on are written first, unless they are there. */
  static List<Comparison> all() {
    if (!Files.isDirectory(SCENES)) {
      throw new IllegalArgumentException("no " + SCENES + "; run from the project's root");
    }
    List<Comparison> comparisons = new ArrayList<>();
    Product prefill = new Product(PROMPT, 4096, 11008);
    Product decode = new Product(1, 4096, 11008);
    Path layers = ModelSize.LLAVA_7B.checkpoint();
    Path middle = middle();
    Path demo = SCENES.resolve("model");
    Input scene = Input.of(demo, SCENES.resolve("heldout").resolve("0000.png"), QUESTION);
    Input random = Input.random(LlavaConfig.read(middle), 9);
    for (Function<DType, Comparison> comparison :
        List.<Function<DType, Comparison>>of(
            dtype -> LinearComparison.of(prefill, 1, dtype),
            dtype -> LinearComparison.of(decode, 8, dtype),
            dtype -> LayerComparison.of(layers, PROMPT, dtype),
            dtype -> new ModelComparison("demo model", demo, scene, ANSWER, dtype).comparison(),
            dtype ->
                new ModelComparison("random model, 173 M weights", middle, random, ANSWER, dtype)
                    .comparison())) {
      DTYPES.forEach(dtype -> comparisons.add(comparison.apply(dtype)));
    }
    return comparisons;
  }

  private static Path middle() {
    Path folder = BenchFolder.root().resolve("compare-model");
    if (!Files.exists(folder)) {
      // PyTorch's vision tower runs all of its layers, whichever the features come from.
      RandomCheckpoint.write(folder, MIDDLE.config(-1), DType.BFLOAT16, 1);
    }
    return folder;
  }
}
