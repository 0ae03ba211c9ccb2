package org.pyramiddrop.cli;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.generation.Sampling;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The flags that say how questions are answered. */
final class AnswerOptions {
  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "The longest answer; ${DEFAULT-VALUE}.")
  private int maxTokens = 128;

  @Mixin private PruningOptions pruning = new PruningOptions();

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "0, the default, always takes the likeliest token.")
  private double temperature;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description = "Draw from the likeliest tokens that have this probability together.")
  private @Nullable Double topP;

  @Option(names = "--seed", paramLabel = "N", description = "Seed of the draw; ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--logits",
      paramLabel = "K",
      description = "With json: the K highest logits of the first step.")
  private int logits;

  /**
   * What the flags describe.
   *
   * @param format of the answers
   * @throws BadUse if two of them contradict each other
   * @throws IllegalArgumentException if one is out of its range
   */
  Options options(Format format) {
    if (topP != null && temperature == 0) {
      throw new BadUse("--top-p needs a --temperature above 0");
    }
    if (logits > 0 && format != Format.JSON) {
      throw new BadUse("--logits needs --format json");
    }
    return new Options(
        pruning.plan(), Sampling.of(temperature, topP == null ? 1 : topP, seed), maxTokens, logits);
  }
}
