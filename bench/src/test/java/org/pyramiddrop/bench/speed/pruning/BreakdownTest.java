package org.pyramiddrop.bench.speed.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.speed.pruning.CallTimer.Call;

class BreakdownTest {

  /** Calls that take 1, 2, 4, … nanoseconds, so that a sum tells which of them are in it. */
  private static List<Call> calls(String... operations) {
    List<Call> calls = new ArrayList<>();
    for (String operation : operations) {
      calls.add(new Call(operation, 1L << calls.size()));
    }
    return calls;
  }

  @Test
  void addsUpOperationsByPart() {
    Breakdown breakdown =
        Breakdown.of(
            calls(
                "embed",
                "allocate",
                "rmsNorm",
                "linear",
                "rotate",
                "storeKeyValues",
                "attention",
                "linear",
                "rmsNorm",
                "swiGlu",
                "linear",
                "sample"),
            5000);
    assertThat(breakdown.nanos())
        .containsEntry(Breakdown.Part.PRODUCTS, 8L + 128 + 512 + 1024)
        .containsEntry(Breakdown.Part.ATTENTION, 64L)
        .containsEntry(Breakdown.Part.NORMS, 4L + 256)
        .containsEntry(Breakdown.Part.ROTARY, 16L + 32)
        .containsEntry(Breakdown.Part.ALLOCATION, 2L)
        .containsEntry(Breakdown.Part.RANKING, 0L)
        .containsEntry(Breakdown.Part.SELECTION, 0L)
        .containsEntry(Breakdown.Part.GATHER, 0L)
        .containsEntry(Breakdown.Part.REST, 1L + 2048 + 5000 - 4095);
  }

  @Test
  void ranksWithTheQueryRightBeforeTheScores() {
    Breakdown breakdown =
        Breakdown.of(
            calls(
                "linear",
                "rotate",
                "linear",
                "rotate",
                "scoreTokens",
                "selectTopK",
                "linear",
                "rotate",
                "relevance",
                "selectDeterminantal",
                "selectDiverse"),
            10_000);
    assertThat(breakdown.nanos())
        .containsEntry(Breakdown.Part.RANKING, 4L + 8 + 16)
        .containsEntry(Breakdown.Part.SELECTION, 32L)
        .containsEntry(Breakdown.Part.CUTS, 256L + 512 + 1024)
        .containsEntry(Breakdown.Part.PRODUCTS, 1L + 64)
        .containsEntry(Breakdown.Part.ROTARY, 2L + 128);
  }

  @Test
  void gathersForADropOnlyBehindItsRanking() {
    Breakdown breakdown =
        Breakdown.of(
            calls(
                "gatherRows", // 1
                "scoreTokens",
                "gatherRows", // 4
                "gather", // 8
                "linear",
                "gatherRows", // 32
                "attention",
                "gatherRows", // the last token's
                "gather"),
            1000);
    assertThat(breakdown.nanos())
        .containsEntry(Breakdown.Part.GATHER, 4L + 8 + 32)
        .containsEntry(Breakdown.Part.REST, 1L + 128 + 256 + 1000 - 511);
  }

  @Test
  void sharesAreTheWhole() {
    Breakdown breakdown = Breakdown.of(calls("linear", "attention", "rmsNorm", "upload"), 40);
    double sum = 0;
    for (Breakdown.Part part : Breakdown.Part.values()) {
      sum += breakdown.share(part);
    }
    assertThat(sum).isCloseTo(1, within(1e-12));
    assertThat(breakdown.share(Breakdown.Part.NORMS)).isEqualTo(0.1);
  }
}
