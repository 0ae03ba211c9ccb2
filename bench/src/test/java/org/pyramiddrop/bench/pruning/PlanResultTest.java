package org.pyramiddrop.bench.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class PlanResultTest {
  private static final NamedPlan NONE = NamedPlan.compared().getFirst();
  private static final NamedPlan PYRAMID = NamedPlan.compared().getLast();

  private static final PlanResult.Rounds PLAIN =
      new PlanResult.Rounds(
          NONE,
          new PlanWork(90, 100, 130, 900),
          List.of(new Run(40, 4, 80, 1000), new Run(60, 5, 100, 1000), new Run(44, 6, 120, 1000)));
  private static final PlanResult.Rounds PRUNED =
      new PlanResult.Rounds(
          PYRAMID,
          new PlanWork(20, 40, 65, 450),
          List.of(new Run(20, 4, 50, 600), new Run(20, 4, 80, 600), new Run(11, 4, 40, 600)));

  @Test
  void setsTimesAgainstThoseOfTheSameRound() {
    PlanResult result = PlanResult.of(PRUNED, PLAIN);
    // Round by round 2, 3, 4; of the medians, 44 / 20 = 2.2.
    assertThat(result.prefillSaving().speedup().median()).isEqualTo(3);
    assertThat(result.prefillSaving().speedup().low()).isEqualTo(2);
    assertThat(result.prefillSaving().speedup().high()).isEqualTo(4);
    assertThat(result.prefill().median()).isEqualTo(20);
    assertThat(result.stepSpeedup().median()).isEqualTo(1.25);
    assertThat(result.answerSaving().speedup().median()).isEqualTo(1.6);
    assertThat(result.answer().high()).isEqualTo(80);
    assertThat(result.keyValueBytes()).isEqualTo(600);
  }

  @Test
  void paysByTheWorkOfTheSamePart() {
    PlanResult result = PlanResult.of(PRUNED, PLAIN);
    assertThat(result.prefillSaving().flopsRatio()).isEqualTo(2.5);
    assertThat(result.prefillSaving().paid()).isCloseTo(1.2, within(1e-12));
    assertThat(result.answerSaving().flopsRatio()).isEqualTo(2);
    assertThat(result.answerSaving().paid()).isCloseTo(0.8, within(1e-12));
    assertThat(result.answerSaving().timeShare()).isCloseTo(0.625, within(1e-12));
    assertThat(result.answerSaving().flopsShare()).isEqualTo(0.5);
  }

  @Test
  void withoutDropsNothingIsSaved() {
    PlanResult result = PlanResult.of(PLAIN, PLAIN);
    assertThat(result.prefillSaving().speedup().high()).isEqualTo(1);
    assertThat(result.prefillSaving().paid()).isEqualTo(1);
    assertThat(result.answerSaving().paid()).isEqualTo(1);
  }

  @Test
  void refusesATimeThatIsNoNumber() {
    PlanResult.Rounds broken =
        new PlanResult.Rounds(
            PYRAMID,
            PRUNED.work(),
            List.of(new Run(Double.NaN, 4, 50, 1), new Run(1, 1, 1, 1), new Run(1, 1, 1, 1)));
    assertThatThrownBy(() -> PlanResult.of(broken, PLAIN))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
