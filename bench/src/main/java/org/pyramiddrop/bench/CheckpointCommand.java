package org.pyramiddrop.bench;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.kernels.DType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes a checkpoint with random weights, of LLaVA-1.5 7B's sizes unless others are given. */
@Command(
    name = "checkpoint",
    description = "Writes a LLaVA-1.5 checkpoint with random weights; 14 GB unless made smaller.",
    showDefaultValues = true)
final class CheckpointCommand implements Callable<Integer> {
  private final PrintWriter out;

  @Parameters(paramLabel = "DIR", description = "the folder to write; must not exist")
  private Path folder = Path.of("");

  @Option(names = "--layers", description = "decoder layers")
  private int layers = CheckpointShape.LLAVA_7B.layers();

  @Option(names = "--hidden", description = "the decoder's width")
  private int hidden = CheckpointShape.LLAVA_7B.hidden();

  @Option(names = "--intermediate", description = "width inside its feed-forward blocks")
  private int intermediate = CheckpointShape.LLAVA_7B.intermediate();

  @Option(names = "--heads", description = "query heads")
  private int heads = CheckpointShape.LLAVA_7B.heads();

  @Option(names = "--kv-heads", description = "key and value heads (as many as --heads)")
  private int keyValueHeads;

  @Option(names = "--vocabulary", description = "rows of embedding and output head")
  private int vocabulary = CheckpointShape.LLAVA_7B.vocabulary();

  @Option(names = "--tiny-vision", description = "a vision tower of next to no weights")
  private boolean tinyVision;

  @Option(names = "--dtype", description = "${COMPLETION-CANDIDATES}")
  private DType dtype = DType.BFLOAT16;

  @Option(names = "--seed", description = "another seed, other weights")
  private long seed = 1;

  CheckpointCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    CheckpointShape shape =
        new CheckpointShape(
            layers,
            hidden,
            intermediate,
            heads,
            keyValueHeads == 0 ? heads : keyValueHeads,
            vocabulary,
            CheckpointShape.LLAVA_7B.vision());
    long start = System.nanoTime();
    RandomCheckpoint.write(
        folder, (tinyVision ? shape.withTinyVision() : shape).config(), dtype, seed);
    out.printf("wrote %s in %.1f s%n", folder, (System.nanoTime() - start) / 1e9);
    return 0;
  }
}
