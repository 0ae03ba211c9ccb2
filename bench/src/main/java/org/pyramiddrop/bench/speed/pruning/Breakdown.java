package org.pyramiddrop.bench.speed.pruning;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.speed.pruning.CallTimer.Call;

/**
 * One prefill's time by what it was spent on.
 *
 * @param totalNanos the whole prefill's
 * @param nanos each part's; together they are the whole
 */
record Breakdown(long totalNanos, Map<PrefillPart, Long> nanos) {

  /**
   * Sorts a prefill's calls, ranked as {@link
   * org.pyramiddrop.transformer.pruning.Ranking#STAGE_END} does.
   *
   * @param calls in the order they were made
   * @param totalNanos the whole prefill's; what the calls leave of it is {@link PrefillPart#REST}
   */
  static Breakdown of(List<Call> calls, long totalNanos) {
    Map<PrefillPart, Long> nanos = new EnumMap<>(PrefillPart.class);
    for (PrefillPart part : PrefillPart.values()) {
      nanos.put(part, 0L);
    }
    nanos.put(PrefillPart.REST, totalNanos);
    boolean dropping = false;
    for (int i = 0; i < calls.size(); i++) {
      String operation = calls.get(i).operation();
      // The last layer gathers too, the last token's row; only behind a ranking is it a drop.
      dropping = operation.equals("scoreTokens") || (dropping && !operation.equals("attention"));
      PrefillPart part = asksQuery(calls, i) ? PrefillPart.RANKING : part(operation, dropping);
      nanos.merge(part, calls.get(i).nanos(), Long::sum);
      nanos.merge(PrefillPart.REST, -calls.get(i).nanos(), Long::sum);
    }
    return new Breakdown(totalNanos, nanos);
  }

  private static PrefillPart part(String operation, boolean dropping) {
    return switch (operation) {
      case "linear", "swiGlu" -> PrefillPart.PRODUCTS;
      case "attention" -> PrefillPart.ATTENTION;
      case "rmsNorm", "layerNorm" -> PrefillPart.NORMS;
      case "rotate", "storeKeyValues" -> PrefillPart.ROTARY;
      case "allocate" -> PrefillPart.ALLOCATION;
      case "scoreTokens" -> PrefillPart.RANKING;
      case "selectTopK" -> PrefillPart.SELECTION;
      case "gatherRows", "gather" -> dropping ? PrefillPart.GATHER : PrefillPart.REST;
      default -> PrefillPart.REST;
    };
  }

  /** Whether a call projects or rotates the query that scores are about to be taken with. */
  private static boolean asksQuery(List<Call> calls, int index) {
    List<String> next = calls.stream().skip(index).limit(3).map(Call::operation).toList();
    return next.equals(List.of("linear", "rotate", "scoreTokens"))
        || (next.size() > 1 && next.subList(0, 2).equals(List.of("rotate", "scoreTokens")));
  }

  /** A part's share of the whole. */
  double share(PrefillPart part) {
    return (double) nanos.getOrDefault(part, 0L) / totalNanos;
  }
}
