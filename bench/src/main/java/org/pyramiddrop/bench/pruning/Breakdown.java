package org.pyramiddrop.bench.pruning;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.pruning.CallTimer.Call;

/**
 * One prefill's time by what it was spent on.
 *
 * @param totalNanos the whole prefill's
 * @param nanos each part's; together they are the whole
 */
record Breakdown(long totalNanos, Map<Part, Long> nanos) {

  /**
   * Sorts a prefill's calls, ranked as {@link
   * org.pyramiddrop.transformer.pruning.Ranking#STAGE_END} does.
   *
   * @param calls in the order they were made
   * @param totalNanos the whole prefill's; what the calls leave of it is {@link Part#REST}
   */
  static Breakdown of(List<Call> calls, long totalNanos) {
    Map<Part, Long> nanos = new EnumMap<>(Part.class);
    for (Part part : Part.values()) {
      nanos.put(part, 0L);
    }
    nanos.put(Part.REST, totalNanos);
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
      case "attention" -> Part.ATTENTION;
      case "rmsNorm", "layerNorm" -> Part.NORMS;
      case "rotate", "storeKeyValues" -> Part.ROTARY;
      case "allocate" -> Part.ALLOCATION;
      case "scoreTokens" -> Part.RANKING;
      case "selectTopK" -> Part.SELECTION;
      case "gatherRows", "gather" -> dropping ? Part.GATHER : Part.REST;
      default -> Part.REST;
    };
  }

  /** Whether a call projects or rotates the query that scores are about to be taken with. */
  private static boolean asksQuery(List<Call> calls, int index) {
    return follow(calls, index, "linear", "rotate", "scoreTokens")
        || follow(calls, index, "rotate", "scoreTokens");
  }

  private static boolean follow(List<Call> calls, int index, String... operations) {
    return index + operations.length <= calls.size()
        && calls.subList(index, index + operations.length).stream()
            .map(Call::operation)
            .toList()
            .equals(List.of(operations));
  }

  /** A part's share of the whole. */
  double share(Part part) {
    return (double) nanos.getOrDefault(part, 0L) / totalNanos;
  }
}
