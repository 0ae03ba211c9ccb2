package org.pyramiddrop.bench.speed.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.pruning.Phases;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.bench.speed.pruning.PlanResult;

/**
 * What the CUDA backend is to reach, beside what was measured.
 *
 * @param what the model, the plan or the part of an answer, and what is measured of it
 * @param least from where on it is reached
 * @param value none, if it could not be measured
 */
record Goal(String what, double least, OptionalDouble value) {
  /** Image tokens from which on pruning is to pay. */
  private static final int MANY_TOKENS = 2880;

  String measured() {
    return value.isPresent() ? Numbers.ratio(value.getAsDouble()) : "-";
  }

  /** Whether it is reached, or what it is missed by. */
  String verdict() {
    if (value.isEmpty()) {
      return "not measured";
    }
    double missed = least - value.getAsDouble();
    return missed <= 0 ? "reached" : "missed by " + Numbers.ratio(missed);
  }

  static List<Goal> of(ModelResult result) {
    List<Goal> goals = new ArrayList<>();
    Phases<Double> plain = result.ceilings().floor(result.plans().getFirst().work());
    for (PlanResult plan : result.plans()) {
      String subject = result.model() + ", " + plan.name() + ": ";
      Phases<Double> floor = result.ceilings().floor(plan.work());
      double prefill = floor.get(Phase.PREFILL) / plan.millis().get(Phase.PREFILL).median();
      double step = floor.get(Phase.STEP) / plan.millis().get(Phase.STEP).median();
      goals.add(
          new Goal(subject + "prefill, share of its floor", 0.75, OptionalDouble.of(prefill)));
      goals.add(
          new Goal(subject + "decode step, share of its floor", 0.85, OptionalDouble.of(step)));
      if (plan.drops() > 1 && result.prompt().imageTokens() >= MANY_TOKENS) {
        double most = plain.get(Phase.PREFILL) / floor.get(Phase.PREFILL);
        double paid = plan.speedup().get(Phase.PREFILL).median() / most;
        goals.add(
            new Goal(
                subject + "prefill, speed-up by ratio of floors", 0.90, OptionalDouble.of(paid)));
      }
    }
    NewLengths lengths = result.newLengths();
    if (lengths != null) {
      goals.add(
          new Goal(
              result.model()
                  + ", no drops: prefill of a new length, times as fast as of a known one",
              0.91,
              OptionalDouble.of(lengths.speed().median())));
    }
    for (Phase phase : Phase.values()) {
      String subject = result.model() + ", " + phase.label(result.newTokens()) + ", no drops: ";
      goals.add(besidePeers(subject + "times as fast as PyTorch at its best", phase, result));
    }
    return goals;
  }

  /** Names the peer that is fastest there, and those that have no times. */
  private static Goal besidePeers(String what, Phase phase, ModelResult result) {
    List<String> named = new ArrayList<>();
    OptionalDouble least = OptionalDouble.empty();
    List<String> missing = new ArrayList<>();
    for (ModelResult.Peer peer : result.peers()) {
      if (peer.ratios() == null) {
        missing.add("no times of " + peer.name());
        continue;
      }
      double ratio = peer.ratios().get(phase).median();
      if (least.isEmpty() || ratio < least.getAsDouble()) {
        least = OptionalDouble.of(ratio);
        named = List.of(peer.name());
      }
    }
    String peers =
        Stream.concat(named.stream(), missing.stream()).collect(Collectors.joining("; "));
    return new Goal(peers.isEmpty() ? what : what + " (" + peers + ")", 1, least);
  }

  static Table<?> table(List<ModelResult> results) {
    return new Table<>("goals", results.stream().flatMap(result -> of(result).stream()).toList())
        .column("", Goal::what)
        .column("measured", Goal::measured)
        .ratio("goal", Goal::least)
        .column("", Goal::verdict);
  }
}
