package org.pyramiddrop.bench.speed.pruning;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;

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
   * Sums up answers.
   *
   * @param millis of each, one a round
   * @param plainMillis of those without drops, in the same rounds
   */
  static PlanResult of(
      NamedPlan plan,
      AnswerWork work,
      List<Phases<Double>> millis,
      long keyValueBytes,
      AnswerWork plainWork,
      List<Phases<Double>> plainMillis) {
    return new PlanResult(
        plan.name(),
        plan.plan().drops().size(),
        work,
        Phases.spreads(millis),
        Phases.ratios(plainMillis, millis),
        new Phases<>(
            Map.of(
                Phase.VISION,
                plainWork.visionFlops() / work.visionFlops(),
                Phase.PREFILL,
                plainWork.prefillFlops() / work.prefillFlops(),
                Phase.ANSWER,
                plainWork.answerFlops() / work.answerFlops())),
        keyValueBytes);
  }

  /** Which part of the saved work came back as time: 1 is all of it. */
  @JsonProperty(access = JsonProperty.Access.READ_ONLY)
  public Phases<Double> paid() {
    return Phases.of(
        flopsRatio.values().keySet(), phase -> speedup.get(phase).median() / flopsRatio.get(phase));
  }
}
