package org.pyramiddrop.bench.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class GoalTest {
  private static List<String> marks(ModelResult result) {
    return Goal.marks(result).stream()
        .map(mark ->
            "%s | %s of %s | %s".formatted(mark.what(), mark.measured(), mark.least(), mark.said()))
        .toList();
  }

  @Test
  void setsEachNumberBesideItsGoal() {
    ModelResult.Peer slow = Results.peer("slow", Results.phases(9, 9, 9, 9));
    ModelResult.Peer fast = Results.peer("fast", Results.phases(2, 0.9, 1, 1.25));
    assertThat(marks(Results.of("m", 2880, slow, fast)))
        .containsExactly(
            "no drops: prefill, share of its floor | 0.800 of 0.750 | reached",
            "no drops: decode step, share of its floor | 0.800 of 0.850 | missed by 0.050",
            "PyramidDrop: prefill, share of its floor | 0.625 of 0.750 | missed by 0.125",
            "PyramidDrop: decode step, share of its floor | 0.750 of 0.850 | missed by 0.100",
            "PyramidDrop: prefill, speed-up by FLOPs ratio | 0.781 of 0.900 | missed by 0.119",
            "vision, no drops: times as fast as PyTorch at its best | 2.000 of 1.000 | reached",
            "prefill, no drops: times as fast as PyTorch at its best | 0.900 of 1.000 | missed by 0.100",
            "decode step, no drops: times as fast as PyTorch at its best | 1.000 of 1.000 | reached",
            "10 tokens, no drops: times as fast as PyTorch at its best | 1.250 of 1.000 | reached");
  }

  @Test
  void pruningIsToPayWhereThereAreManyTokens() {
    assertThat(marks(Results.of("m", 2879))).noneMatch(mark -> mark.contains("FLOPs ratio"));
  }

  @Test
  void withoutAPeersTimesNothingIsReached() {
    ModelResult.Peer dead = new ModelResult.Peer("dead", "ended", null, null);
    assertThat(marks(Results.of("m", 576, dead)))
        .filteredOn(mark -> mark.contains("PyTorch"))
        .hasSize(4)
        .allMatch(mark -> mark.endsWith("| - of 1.000 | not measured"));
  }
}
