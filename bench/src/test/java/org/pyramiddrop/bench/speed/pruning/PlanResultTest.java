package org.pyramiddrop.bench.speed.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.training.chart.LineChart;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class PlanResultTest {
  private static final Runs PLAIN =
      runs(
          PruningPlan.none(),
          work(100, 130),
          1000,
          List.of(run(40, 4, 80), run(60, 5, 100), run(44, 6, 120)));
  private static final Runs PRUNED =
      runs(
          PruningPlan.pyramid(4, 0.5),
          work(40, 65),
          600,
          List.of(run(20, 4, 50), run(20, 4, 80), run(11, 4, 40)));

  /** A plan's answers, a round each. */
  private record Runs(
      PruningPlan plan, AnswerWork work, List<Phases<Double>> millis, long keyValueBytes) {}

  private static Runs runs(
      PruningPlan plan, AnswerWork work, long keyValueBytes, List<Phases<Double>> millis) {
    return new Runs(plan, work, millis, keyValueBytes);
  }

  private static AnswerWork work(double prefill, double answer) {
    return new AnswerWork(0, prefill / 5, prefill, 0, answer, List.of(), 0, 0, 1);
  }

  private static Phases<Double> run(double prefill, double step, double answer) {
    return new Phases<>(
        Map.of(
            Phase.VISION,
            10 * step,
            Phase.PREFILL,
            prefill,
            Phase.STEP,
            step,
            Phase.ANSWER,
            answer));
  }

  private static PlanResult result(Runs runs) {
    return PlanResult.of(
        new NamedPlan("a plan", "a plan", runs.plan()),
        runs.work(),
        runs.millis(),
        runs.keyValueBytes(),
        PLAIN.work(),
        PLAIN.millis());
  }

  @Test
  void setsTimesAgainstThoseOfTheSameRound() {
    PlanResult result = result(PRUNED);
    // Round by round 2, 3, 4; of the medians, 44 / 20 = 2.2.
    assertThat(result.speedup().get(Phase.PREFILL).median()).isEqualTo(3);
    assertThat(result.speedup().get(Phase.PREFILL).low()).isEqualTo(2);
    assertThat(result.speedup().get(Phase.PREFILL).high()).isEqualTo(4);
    assertThat(result.millis().get(Phase.PREFILL).median()).isEqualTo(20);
    assertThat(result.speedup().get(Phase.STEP).median()).isEqualTo(1.25);
    assertThat(result.speedup().get(Phase.ANSWER).median()).isEqualTo(1.6);
    assertThat(result.millis().get(Phase.ANSWER).high()).isEqualTo(80);
    assertThat(result.keyValueBytes()).isEqualTo(600);
    assertThat(result.drops()).isEqualTo(3);
  }

  @Test
  void paysByTheWorkOfTheSamePart() {
    PlanResult result = result(PRUNED);
    assertThat(result.flopsRatio().get(Phase.VISION)).isEqualTo(2.5);
    assertThat(result.paid().get(Phase.VISION)).isCloseTo(0.5, within(1e-12));
    assertThat(result.flopsRatio().get(Phase.PREFILL)).isEqualTo(2.5);
    assertThat(result.paid().get(Phase.PREFILL)).isCloseTo(1.2, within(1e-12));
    assertThat(result.flopsRatio().get(Phase.ANSWER)).isEqualTo(2);
    assertThat(result.paid().get(Phase.ANSWER)).isCloseTo(0.8, within(1e-12));
    LineChart.Point shares = PruningResult.shares(result, Phase.ANSWER);
    assertThat(shares.y()).isCloseTo(0.625, within(1e-12));
    assertThat(shares.x()).isEqualTo(0.5);
  }

  @Test
  void withoutDropsNothingIsSaved() {
    PlanResult result = result(PLAIN);
    assertThat(result.speedup().get(Phase.PREFILL).high()).isEqualTo(1);
    assertThat(result.paid().get(Phase.PREFILL)).isEqualTo(1);
    assertThat(result.paid().get(Phase.ANSWER)).isEqualTo(1);
  }

  @Test
  void refusesATimeThatIsNoNumber() {
    Runs broken =
        runs(
            PRUNED.plan(),
            PRUNED.work(),
            1,
            List.of(run(Double.NaN, 4, 50), run(1, 1, 1), run(1, 1, 1)));
    assertThatThrownBy(() -> result(broken)).isInstanceOf(IllegalArgumentException.class);
  }
}
