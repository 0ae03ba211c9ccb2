package org.pyramiddrop.bench.speed.pruning;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.pyramiddrop.bench.report.Spread;

/**
 * Something of phases of an answer: their milliseconds, say.
 *
 * @param values of the phases that were measured or counted
 */
public record Phases<T>(@JsonValue Map<Phase, T> values) {
  /** The phases of an answer, and the whole answer. */
  public enum Phase {
    /** From pixels in host memory to the image's embeddings. */
    @JsonProperty("vision")
    VISION,
    /** From token ids in host memory to the first token. */
    @JsonProperty("prefill")
    PREFILL,
    /** From one token to the next, the mean over an answer. */
    @JsonProperty("step")
    STEP,
    /** From the first of the others to the last token. */
    @JsonProperty("answer")
    ANSWER;

    public String label(int newTokens) {
      return switch (this) {
        case VISION -> "vision";
        case PREFILL -> "prefill";
        case STEP -> "decode step";
        case ANSWER -> newTokens + " tokens";
      };
    }
  }

  /** Keeps its own copy. */
  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public Phases {
    values = new EnumMap<>(values);
  }

  public static <T> Phases<T> of(Collection<Phase> phases, Function<Phase, T> value) {
    Map<Phase, T> values = new EnumMap<>(Phase.class);
    phases.forEach(phase -> values.put(phase, value.apply(phase)));
    return new Phases<>(values);
  }

  public T get(Phase phase) {
    return Objects.requireNonNull(values.get(phase));
  }

  public static Phases<Spread> spreads(List<Phases<Double>> runs) {
    return of(runs.getFirst().values.keySet(), phase -> Spread.of(runs, run -> run.get(phase)));
  }

  /** How many times as long runs took as others in the same rounds did. */
  public static Phases<Spread> ratios(List<Phases<Double>> runs, List<Phases<Double>> others) {
    return of(
        runs.getFirst().values.keySet(),
        phase -> Spread.ofRatios(all(runs, phase), all(others, phase)));
  }

  private static List<Double> all(List<Phases<Double>> runs, Phase phase) {
    return runs.stream().map(run -> run.get(phase)).toList();
  }
}
