package org.pyramiddrop.bench.speed.gpu;

import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.pruning.AnswerWork;
import org.pyramiddrop.bench.speed.pruning.Phases;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.bench.speed.pruning.PlanResult;

/** A made-up result with round numbers. */
final class Results {
  /** Floors of 10 ms a prefill, 1 ms for its images and 2 ms a step. */
  private static final AnswerWork WORK = work(10e12, 4e9);

  private static final AnswerWork LESS = work(5e12, 3e9);

  private Results() {}

  static ModelResult of(String model, int imageTokens, ModelResult.Peer... peers) {
    Phases<Spread> millis = phases(2, 12.5, 2.5, 40);
    Phases<Spread> pruned = phases(2, 8, 2, 25);
    return new ModelResult(
        Map.of("GPU", "A GPU", "commit", "abc"),
        model,
        new ModelResult.Prompt("672×672", 5, imageTokens, 60),
        10,
        1234,
        new Ceilings(900, 1.8),
        new Ceilings(1000, 2),
        List.of(
            new PlanResult("no drops", 0, WORK, millis, phases(1, 1, 1, 1), ratio(1), 300L << 20),
            new PlanResult(
                "PyramidDrop",
                3,
                LESS,
                pruned,
                phases(1, 1.5625, 1.25, 1.6),
                ratio(2),
                150L << 20)),
        new NewLengths(ones(16), ones(12.5), ones(0.78125)),
        List.of(peers));
  }

  static ModelResult.Peer peer(String name, Phases<Spread> ratios) {
    return new ModelResult.Peer(name, "torch 1: near", phases(4, 25, 5, 80), ratios);
  }

  /** The same in each run. */
  static Phases<Spread> phases(double vision, double prefill, double step, double answer) {
    return phases(ones(vision), ones(prefill), ones(step), ones(answer));
  }

  /** As they were over all runs. */
  static Phases<Spread> phases(Spread vision, Spread prefill, Spread step, Spread answer) {
    return new Phases<>(
        Map.of(
            Phase.VISION, vision, Phase.PREFILL, prefill, Phase.STEP, step, Phase.ANSWER, answer));
  }

  private static AnswerWork work(double prefillFlops, double stepBytes) {
    List<AnswerWork.Piece> pieces = List.of(new AnswerWork.Piece(4, prefillFlops / 4, 1e9));
    return new AnswerWork(0, 1e12, prefillFlops, 0, 0, pieces, 1e9, stepBytes, 9);
  }

  private static Phases<Double> ratio(double flops) {
    return new Phases<>(Map.of(Phase.PREFILL, flops, Phase.ANSWER, flops));
  }

  private static Spread ones(double value) {
    return new Spread(value, value, value, 1);
  }
}
