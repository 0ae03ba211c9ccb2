package org.pyramiddrop.bench.accuracy.experiment;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.accuracy.dataset.Dataset;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.bench.accuracy.dataset.Metric;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Finish;
import org.pyramiddrop.transformer.Timings;
import org.pyramiddrop.transformer.pruning.Flops;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * Stands in for a model: what it answers follows from question and plan, its times don't. It gives
 * up when it has answered as often as it may.
 */
final class FakeAnswers implements BiFunction<Sample, PruningPlan, Answer> {
  static final class GaveUp extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private final Random times = new Random();
  private final int most;
  private final long seed;
  private final List<String> asked = new ArrayList<>();

  FakeAnswers(long seed, int most) {
    this.seed = seed;
    this.most = most;
  }

  FakeAnswers(long seed) {
    this(seed, Integer.MAX_VALUE);
  }

  @Override
  public Answer apply(Sample sample, PruningPlan plan) {
    if (asked.size() == most) {
      throw new GaveUp();
    }
    asked.add(sample.id() + " " + plan);
    Random random = new Random(seed + 31L * sample.id().hashCode() + plan.toString().hashCode());
    String text = random.nextBoolean() ? "yes, \"näturally\"\n" : "no";
    Flops flops = new Flops(0, random.nextInt(1_000_000));
    Timings timings = new Timings(0, 1 + times.nextDouble(), times.nextDouble());
    return new Answer(text, List.of(), Finish.STOP, 0, 0, List.of(), List.of(), flops, timings, 0);
  }

  /** Sample and plan of each question, in the order they were asked. */
  List<String> asked() {
    return asked;
  }

  static Dataset dataset(int questions) {
    return new Dataset(
        "made up",
        IntStream.range(0, questions)
            .mapToObj(i -> new Sample("q" + i, Path.of("none.png"), "?", List.of("no")))
            .toList(),
        Metric.EXACT_MATCH,
        "");
  }

  static Map<String, String> facts() {
    return Map.of("model", "one", "seed", "7");
  }
}
