package org.pyramiddrop.bench.speed.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.report.Numbers;

class GoalTest {
  private static final ModelResult.Peer DEAD =
      new ModelResult.Peer("PyTorch, max-autotune", "ended", null, null);

  private static List<String> checks(ModelResult result) {
    return Goal.of(result).stream()
        .map(check ->
            "%s | %s of %s | %s"
                .formatted(
                    check.what(), check.measured(), Numbers.ratio(check.least()), check.verdict()))
        .toList();
  }

  @Test
  void setsEachNumberBesideItsGoal() {
    ModelResult.Peer slow = Results.peer("PyTorch, eager", Results.phases(1.5, 9, 9, 9));
    ModelResult.Peer fast = Results.peer("PyTorch, compiled", Results.phases(2, 0.9, 1, 1.25));
    assertThat(checks(Results.of("m", 2880, slow, fast, DEAD)))
        .containsExactly(
            "m, no drops: prefill, share of its floor | 0.800 of 0.750 | reached",
            "m, no drops: decode step, share of its floor | 0.800 of 0.850 | missed by 0.050",
            "m, PyramidDrop: prefill, share of its floor | 0.625 of 0.750 | missed by 0.125",
            "m, PyramidDrop: decode step, share of its floor | 0.750 of 0.850 | missed by 0.100",
            "m, PyramidDrop: prefill, speed-up by ratio of floors | 0.781 of 0.900 | missed by 0.119",
            "m, no drops: prefill of a new length, times as fast as of a known one | 0.781 of 0.910 | missed by 0.129",
            "m, vision, no drops: times as fast as PyTorch at its best (PyTorch, eager; no times of PyTorch, max-autotune) | 1.500 of 1.000 | reached",
            "m, prefill, no drops: times as fast as PyTorch at its best (PyTorch, compiled; no times of PyTorch, max-autotune) | 0.900 of 1.000 | missed by 0.100",
            "m, decode step, no drops: times as fast as PyTorch at its best (PyTorch, compiled; no times of PyTorch, max-autotune) | 1.000 of 1.000 | reached",
            "m, 10 tokens, no drops: times as fast as PyTorch at its best (PyTorch, compiled; no times of PyTorch, max-autotune) | 1.250 of 1.000 | reached");
  }

  @Test
  void pruningIsToPayWhereThereAreManyTokens() {
    assertThat(checks(Results.of("m", 2879))).noneMatch(check -> check.contains("ratio of floors"));
  }

  @Test
  void withoutAPeersTimesNothingIsReached() {
    assertThat(checks(Results.of("m", 576, DEAD)))
        .filteredOn(check -> check.contains("PyTorch"))
        .hasSize(4)
        .allMatch(check ->
            check.endsWith("(no times of PyTorch, max-autotune) | - of 1.000 | not measured"));
  }
}
