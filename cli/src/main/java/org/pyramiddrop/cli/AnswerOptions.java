package org.pyramiddrop.cli;

import java.util.ArrayList;
import java.util.List;
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

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Draw from the K likeliest tokens; all of them if it isn't given.")
  private @Nullable Integer topK;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      description =
          "Above 1, tokens of the prompt and the answer so far become less likely;"
              + " ${DEFAULT-VALUE}.")
  private double repetitionPenalty = 1;

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "What the model is told before the first question.")
  private String system = "";

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End an answer before this text. Give one flag for each.")
  private List<String> stop = new ArrayList<>();

  @Option(names = "--seed", paramLabel = "N", description = "Seed of the draw; ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--logits",
      paramLabel = "K",
      description = "With json: the K highest logits of the first step.")
  private int logits;

  @Option(
      names = "--log-probabilities",
      paramLabel = "N",
      description =
          "With json: the natural logarithm of each token's probability, and those of the N"
              + " likeliest tokens in its place.")
  private @Nullable Integer logProbabilities;

  /**
   * What the flags describe.
   *
   * @param format of the answers
   * @throws UsageException if two of them contradict each other
   * @throws IllegalArgumentException if one is out of its range
   */
  Options options(Format format) {
    if (topP != null && temperature == 0) {
      throw new UsageException("--top-p needs a --temperature above 0");
    }
    if (topK != null && temperature == 0) {
      throw new UsageException("--top-k needs a --temperature above 0");
    }
    if (topK != null && topK < 1) {
      throw new UsageException("--top-k must be at least 1, got " + topK);
    }
    if (logProbabilities != null && format != Format.JSON) {
      throw new UsageException("--log-probabilities needs --format json");
    }
    if (logProbabilities != null && logProbabilities < 0) {
      throw new UsageException("--log-probabilities must not be negative, got " + logProbabilities);
    }
    if (logits > 0 && format != Format.JSON) {
      throw new UsageException("--logits needs --format json");
    }
    Sampling sampling =
        Sampling.of(temperature, topP == null ? 1 : topP, seed)
            .withTopK(topK == null ? 0 : topK)
            .withRepetitionPenalty(repetitionPenalty);
    Options options =
        new Options(pruning.plan(), sampling, maxTokens, logits)
            .withSystemPrompt(system)
            .withStop(stop);
    return logProbabilities == null ? options : options.withLogProbabilities(logProbabilities);
  }
}
