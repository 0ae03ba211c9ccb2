package org.pyramiddrop.bench.checkpoint;

import static java.util.Objects.requireNonNullElse;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.BenchCommand;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes a checkpoint with random weights, of LLaVA-1.5 7B's sizes unless others are given. */
@Command(
    name = "checkpoint",
    description =
        "Writes a LLaVA-1.5 or LLaVA-NeXT checkpoint with random weights; 14 GB unless made smaller.")
public final class CheckpointCommand extends BenchCommand {
  @Parameters(paramLabel = "DIR", description = "the folder to write; must not exist")
  private Path folder = Path.of("");

  @Option(names = "--next")
  private boolean next;

  @Option(names = "--tiny")
  private boolean tiny;

  @Option(names = "--layers")
  private @Nullable Integer layers;

  @Option(names = "--hidden")
  private @Nullable Integer hidden;

  @Option(names = "--intermediate")
  private @Nullable Integer intermediate;

  @Option(names = "--heads")
  private @Nullable Integer heads;

  @Option(names = "--kv-heads")
  private @Nullable Integer keyValueHeads;

  @Option(names = "--vocabulary")
  private @Nullable Integer vocabulary;

  @Option(names = "--tiny-vision")
  private boolean tinyVision;

  @Option(names = "--dtype")
  private DType dtype = DType.BFLOAT16;

  @Option(names = "--seed")
  private long seed = 1;

  @Override
  public Integer call() {
    CheckpointShape shape = shape(tiny ? ModelSize.TINY.shape() : CheckpointShape.LLAVA_7B);
    if (tinyVision) {
      shape = shape.withTinyVision();
    }
    LlavaConfig config = next ? shape.nextConfig() : shape.config();
    double millis = Stopwatch.time(() -> RandomCheckpoint.write(folder, config, dtype, seed));
    out().printf("wrote %s in %.1f s%n", folder, millis / 1e3);
    return 0;
  }

  private CheckpointShape shape(CheckpointShape usual) {
    return new CheckpointShape(
        requireNonNullElse(layers, usual.layers()),
        requireNonNullElse(hidden, usual.hidden()),
        requireNonNullElse(intermediate, usual.intermediate()),
        requireNonNullElse(heads, usual.heads()),
        requireNonNullElse(keyValueHeads, heads == null ? usual.keyValueHeads() : heads),
        requireNonNullElse(vocabulary, usual.vocabulary()),
        usual.vision());
  }
}
