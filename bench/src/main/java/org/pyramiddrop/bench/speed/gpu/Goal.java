package org.pyramiddrop.bench.speed.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.speed.pruning.Phases;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.bench.speed.pruning.PlanResult;

/** What the CUDA backend is to reach, and from where on it is reached. */
enum Goal {
  /** The least possible time of a prefill, as a share of its time. */
  PREFILL("prefill, share of its floor", 0.75),
  /** The same of a decode step. */
  DECODE("decode step, share of its floor", 0.85),
  /** How many times as long the fastest mode of PyTorch takes, in turn with us. */
  PEER("times as fast as PyTorch at its best", 1),
  /** The part of the saved arithmetic of a prefill that comes back as time. */
  PAID("prefill, speed-up by FLOPs ratio", 0.90);

  /** Image tokens from which on pruning is to pay. */
  private static final int MANY_TOKENS = 2880;

  private final String label;
  private final double least;

  Goal(String label, double least) {
    this.label = label;
    this.least = least;
  }

  /**
   * A goal beside what was measured.
   *
   * @param model its name
   * @param subject the plan, or the part of an answer
   * @param value none, if it could not be measured
   */
  record Check(Goal goal, String model, String subject, OptionalDouble value) {
    String what() {
      return model + ", " + subject + ": " + goal.label;
    }

    String least() {
      return Numbers.ratio(goal.least);
    }

    String measured() {
      return value.isPresent() ? Numbers.ratio(value.getAsDouble()) : "-";
    }

    /** Whether it is reached, or what it is missed by. */
    String verdict() {
      if (value.isEmpty()) {
        return "not measured";
      }
      double missed = goal.least - value.getAsDouble();
      return missed <= 0 ? "reached" : "missed by " + Numbers.ratio(missed);
    }
  }

  /** All goals beside what was measured of a model. */
  static List<Check> checks(ModelResult result) {
    List<Check> checks = new ArrayList<>();
    for (PlanResult plan : result.plans()) {
      Phases<Double> floor = result.ceilings().floor(plan.work());
      for (Phase phase : List.of(Phase.PREFILL, Phase.STEP)) {
        Goal goal = phase == Phase.PREFILL ? PREFILL : DECODE;
        double share = floor.get(phase) / plan.millis().get(phase).median();
        checks.add(new Check(goal, result.model(), plan.name(), OptionalDouble.of(share)));
      }
      if (plan.drops() > 1 && result.prompt().imageTokens() >= MANY_TOKENS) {
        OptionalDouble paid = OptionalDouble.of(plan.paid().get(Phase.PREFILL));
        checks.add(new Check(PAID, result.model(), plan.name(), paid));
      }
    }
    for (Phase phase : Phase.values()) {
      OptionalDouble least =
          result.peers().stream()
              .map(ModelResult.Peer::ratios)
              .filter(Objects::nonNull)
              .mapToDouble(ratios -> ratios.get(phase).median())
              .min();
      String subject = phase.label(result.newTokens()) + ", no drops";
      checks.add(new Check(PEER, result.model(), subject, least));
    }
    return checks;
  }
}
