package org.pyramiddrop.soak;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Function;

/** Whether what a process takes grows from request to request. */
final class Growth {
  private static final double MOST_BYTES_PER_THOUSAND = 1e6;

  /** Below that a compiler's work of a second looks like a leak. */
  private static final long FEWEST_REQUESTS = 1000;

  private Growth() {}

  /**
   * What grows too much, a sentence each; empty if nothing does.
   *
   * @param footprints at even distances; the first third is the warm-up, in which Java still
   *     compiles and pools still fill
   */
  static List<String> of(List<Footprint> footprints) {
    List<Footprint> warm = footprints.subList(footprints.size() / 3, footprints.size());
    List<String> grown = new ArrayList<>();
    if (warm.getLast().requests() - warm.getFirst().requests() >= FEWEST_REQUESTS) {
      bytes("resident memory", warm, Footprint::resident, grown);
      bytes("Java's heap", warm, Footprint::heap, grown);
      bytes("native memory", warm, Footprint::nativeMemory, grown);
    }
    count("threads", warm, Footprint::threads, grown);
    count("open files", warm, Footprint::descriptors, grown);
    return grown;
  }

  private static void bytes(
      String what,
      List<Footprint> warm,
      Function<Footprint, OptionalLong> measure,
      List<String> grown) {
    double slope = slope(warm, measure) * 1000;
    if (slope > MOST_BYTES_PER_THOUSAND) {
      grown.add("%s grows by %.2f MB in a thousand requests".formatted(what, slope / 1e6));
    }
  }

  /** From the first half's most to the second half's least: threads may come and go. */
  private static void count(
      String what,
      List<Footprint> warm,
      Function<Footprint, OptionalLong> measure,
      List<String> grown) {
    int half = warm.size() / 2;
    long before =
        warm.subList(0, half).stream().mapToLong(f -> measure.apply(f).orElse(0)).max().orElse(0);
    long after =
        warm.subList(half, warm.size()).stream()
            .mapToLong(f -> measure.apply(f).orElse(0))
            .min()
            .orElse(0);
    if (after > before && before > 0) {
      grown.add("%s grow from %d to %d".formatted(what, before, after));
    }
  }

  /**
   * Bytes a request: the median of the slopes between any two footprints (Theil and Sen's). What a
   * compiler takes for a moment hardly moves it; a leak moves all of them.
   */
  private static double slope(List<Footprint> warm, Function<Footprint, OptionalLong> measure) {
    double[] slopes = new double[warm.size() * (warm.size() - 1) / 2];
    int count = 0;
    for (Footprint from : warm) {
      for (Footprint to : warm) {
        if (to.requests() > from.requests()) {
          double grown = measure.apply(to).orElse(0) - measure.apply(from).orElse(0);
          slopes[count++] = grown / (to.requests() - from.requests());
        }
      }
    }
    Arrays.sort(slopes, 0, count);
    return count == 0 ? 0 : slopes[count / 2];
  }
}
