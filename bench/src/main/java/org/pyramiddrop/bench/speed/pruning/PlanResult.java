package org.pyramiddrop.bench.speed.pruning;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * What answers under one plan came to.
 *
 * @param speedup how many times as fast as without drops, round by round
 * @param flopsRatio how many times less arithmetic than without drops; not of a step: what that
 *     waits for is memory
 * @param keyValueBytes bytes of keys and values, room for the answer included
 */
public record PlanResult(
    String name,
    int drops,
    AnswerWork work,
    Phases<Spread> millis,
    Phases<Spread> speedup,
    Phases<Double> flopsRatio,
    long keyValueBytes) {
  /**
   * A plan's answers.
   *
   * @param millis of each, one a round
   */
  public record Runs(
      String name,
      PruningPlan plan,
      AnswerWork work,
      List<Phases<Double>> millis,
      long keyValueBytes) {}

  /**
   * Sums up runs.
   *
   * @param all the plan without drops first; all in the same rounds
   */
  public static List<PlanResult> of(List<Runs> all) {
    return all.stream().map(runs -> of(runs, all.getFirst())).toList();
  }

  private static PlanResult of(Runs runs, Runs plain) {
    AnswerWork work = runs.work;
    return new PlanResult(
        runs.name,
        runs.plan.drops().size(),
        work,
        Phases.spreads(runs.millis),
        Phases.ratios(plain.millis, runs.millis),
        new Phases<>(
            Map.of(
                Phase.PREFILL,
                plain.work.prefillFlops() / work.prefillFlops(),
                Phase.ANSWER,
                plain.work.answerFlops() / work.answerFlops())),
        runs.keyValueBytes);
  }

  /** Which part of the saved work came back as time: 1 is all of it. */
  @JsonProperty(access = JsonProperty.Access.READ_ONLY)
  public Phases<Double> paid() {
    return Phases.of(
        flopsRatio.values().keySet(), phase -> speedup.get(phase).median() / flopsRatio.get(phase));
  }
}
