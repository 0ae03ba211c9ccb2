package org.pyramiddrop.bench.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.Function;
import org.pyramiddrop.bench.Spread;

/** What the CUDA backend is to reach, and from where on it is reached. */
enum Goal {
  /** The least possible time of a prefill, as a share of its time. */
  PREFILL("prefill, share of its floor", 0.75),
  /** The same of a decode step. */
  DECODE("decode step, share of its floor", 0.85),
  /** How many times as long the fastest way of PyTorch takes, in turn with us. */
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
   * @param subject the plan, or the part of an answer
   * @param seen none, if it could not be measured
   */
  record Mark(Goal goal, String subject, OptionalDouble seen) {
    /** What it is about. */
    String what() {
      return subject + ": " + goal.label;
    }

    String least() {
      return three(goal.least);
    }

    String measured() {
      return seen.isPresent() ? three(seen.getAsDouble()) : "-";
    }

    /** Whether it is reached, or what it is missed by. */
    String said() {
      if (seen.isEmpty()) {
        return "not measured";
      }
      double missed = goal.least - seen.getAsDouble();
      return missed <= 0 ? "reached" : "missed by " + three(missed);
    }
  }

  private static String three(double value) {
    return String.format(Locale.ROOT, "%.3f", value);
  }

  /** All marks of a model. */
  static List<Mark> marks(ModelResult result) {
    List<Mark> marks = new ArrayList<>();
    for (ModelResult.Plan plan : result.plans()) {
      Phases.Run floor = plan.work().floor(result.ceilings());
      marks.add(mark(PREFILL, plan.name(), floor.prefill() / plan.millis().prefill().median()));
      marks.add(mark(DECODE, plan.name(), floor.step() / plan.millis().step().median()));
      if (plan.drops() > 1 && result.prompt().imageTokens() >= MANY_TOKENS) {
        marks.add(mark(PAID, plan.name(), plan.prefillSaving().paid()));
      }
    }
    marks.add(beside(result, "vision", Phases::vision));
    marks.add(beside(result, "prefill", Phases::prefill));
    marks.add(beside(result, "decode step", Phases::step));
    marks.add(beside(result, result.newTokens() + " tokens", Phases::answer));
    return marks;
  }

  private static Mark mark(Goal goal, String subject, double seen) {
    return new Mark(goal, subject, OptionalDouble.of(seen));
  }

  private static Mark beside(ModelResult result, String subject, Function<Phases, Spread> part) {
    return new Mark(
        PEER,
        subject + ", no drops",
        result.peers().stream()
            .map(ModelResult.Peer::ratios)
            .filter(ratios -> ratios != null)
            .mapToDouble(ratios -> part.apply(ratios).median())
            .min());
  }
}
