package org.pyramiddrop.bench.speed.pruning;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.pruning.CallTimer.Call;

/**
 * One prefill's time by what it was spent on.
 *
 * @param totalNanos the whole prefill's
 * @param nanos each part's; together they are the whole
 */
record Breakdown(long totalNanos, Map<Part, Long> nanos) {
  /** What a prefill spends its time on. */
  enum Part {
    PRODUCTS("products"),
    ATTENTION("attention"),
    NORMS("norms"),
    /** Rotary positions, and keys and values on their way into the cache. */
    ROTARY("rotary, cache"),
    ALLOCATION("allocation"),
    /** Choices among projected tokens. */
    CUTS("cuts"),
    /** At a drop, the last token's query and its scores of all keys. */
    RANKING("ranking"),
    SELECTION("selection"),
    /** At a drop, the rows that stay. */
    GATHER("gather"),
    /** Embeddings, sampling, and what runs between the operations. */
    REST("rest");

    private final String label;

    Part(String label) {
      this.label = label;
    }

    @JsonValue
    String label() {
      return label;
    }
  }

  /**
   * A plan's prefills over some rounds.
   *
   * @param prefillMillis of a prefill with its operations timed
   * @param shares of that prefill, round by round
   */
  record Shares(String name, Spread prefillMillis, Map<Part, Spread> shares) {
    static Shares of(String name, List<Breakdown> rounds) {
      Map<Part, Spread> shares = new EnumMap<>(Part.class);
      for (Part part : Part.values()) {
        shares.put(part, Spread.of(rounds, round -> round.share(part)));
      }
      return new Shares(name, Spread.of(rounds, round -> round.totalNanos() / 1e6), shares);
    }

    Spread share(Part part) {
      return Objects.requireNonNull(shares.get(part));
    }
  }

  /**
   * Sorts a prefill's calls, ranked as {@link
   * org.pyramiddrop.transformer.pruning.Ranking#STAGE_END} does.
   *
   * @param totalNanos the whole prefill's; what the calls leave of it is {@link Part#REST}
   */
  static Breakdown of(List<Call> calls, long totalNanos) {
    Map<Part, Long> nanos = new EnumMap<>(Part.class);
    for (Part part : Part.values()) {
      nanos.put(part, part == Part.REST ? totalNanos : 0);
    }
    boolean dropping = false;
    for (int i = 0; i < calls.size(); i++) {
      String operation = calls.get(i).operation();
      // The last layer gathers too, the last token's row; only behind a ranking is it a drop.
      dropping = operation.equals("scoreTokens") || (dropping && !operation.equals("attention"));
      Part part = asksQuery(calls, i) ? Part.RANKING : part(operation, dropping);
      nanos.merge(part, calls.get(i).nanos(), Long::sum);
      nanos.merge(Part.REST, -calls.get(i).nanos(), Long::sum);
    }
    return new Breakdown(totalNanos, nanos);
  }

  private static Part part(String operation, boolean dropping) {
    return switch (operation) {
      case "linear", "swiGlu" -> Part.PRODUCTS;
      case "attention", "selfAttention" -> Part.ATTENTION;
      case "rmsNorm", "layerNorm" -> Part.NORMS;
      case "rotate", "storeKeyValues" -> Part.ROTARY;
      case "allocate" -> Part.ALLOCATION;
      case "selectDiverse", "relevance", "selectDeterminantal" -> Part.CUTS;
      case "scoreTokens" -> Part.RANKING;
      case "selectTopK" -> Part.SELECTION;
      case "gatherRows", "gather" -> dropping ? Part.GATHER : Part.REST;
      default -> Part.REST;
    };
  }

  /** Whether a call projects or rotates the query that scores are about to be taken with. */
  private static boolean asksQuery(List<Call> calls, int index) {
    String next =
        String.join(" ", calls.stream().skip(index).limit(3).map(Call::operation).toList());
    return next.equals("linear rotate scoreTokens") || next.startsWith("rotate scoreTokens");
  }

  double share(Part part) {
    return (double) nanos.getOrDefault(part, 0L) / totalNanos;
  }
}
