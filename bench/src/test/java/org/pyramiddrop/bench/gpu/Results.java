package org.pyramiddrop.bench.gpu;

import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.pruning.Saving;

/** A made-up result with round numbers. */
final class Results {
  /** Floors of 10 ms a prefill, 1 ms for its pictures and 2 ms a step. */
  private static final AnswerWork WORK = new AnswerWork(1e12, 10e12, 1e9, 4e9, 9);

  private static final AnswerWork LESS = new AnswerWork(1e12, 5e12, 1e9, 3e9, 9);

  private Results() {}

  static ModelResult of(String model, int imageTokens, ModelResult.Peer... peers) {
    Phases millis = phases(2, 12.5, 2.5, 40);
    Phases pruned = phases(2, 8, 2, 25);
    return new ModelResult(
        Map.of("GPU", "A GPU", "commit", "abc"),
        model,
        new ModelResult.Prompt("672×672", 5, imageTokens, 60),
        10,
        1234,
        new Ceilings(900, 1.8),
        new Ceilings(1000, 2),
        List.of(
            new ModelResult.Plan("no drops", 0, WORK, millis, saving(1, 1), ones(1), 300L << 20),
            new ModelResult.Plan(
                "PyramidDrop", 3, LESS, pruned, saving(1.5625, 2), ones(1.6), 150L << 20)),
        List.of(peers));
  }

  static ModelResult.Peer peer(String name, Phases ratios) {
    return new ModelResult.Peer(name, "torch 1: near", phases(4, 25, 5, 80), ratios);
  }

  /** The same in each run. */
  static Phases phases(double vision, double prefill, double step, double answer) {
    return new Phases(ones(vision), ones(prefill), ones(step), ones(answer));
  }

  private static Saving saving(double speedup, double ratio) {
    return new Saving(ones(speedup), ratio);
  }

  private static Spread ones(double value) {
    return new Spread(value, value, value, 1);
  }
}
