package org.pyramiddrop.bench.speed.pruning;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * Times plans on the same prompt in turn, again and again. Each time includes handing over the
 * inputs and waiting for the token, as an answer does. A first round compiles the kernels, maps the
 * weights and records, and does not count.
 *
 * @param plans the one without drops first
 * @param answers the prompt under each plan, with caches and recordings of its own
 * @param done runs behind each answer or prefill
 */
public record PlanTimer(
    ModelOnDevice model, List<NamedPlan> plans, List<RepeatedAnswer> answers, Runnable done)
    implements AutoCloseable {
  /**
   * Takes the memory.
   *
   * @param prompt answers the prompt under a plan
   */
  public static PlanTimer of(
      ModelOnDevice model,
      List<NamedPlan> plans,
      Function<PruningPlan, RepeatedAnswer> prompt,
      Runnable done) {
    PlanTimer timer = new PlanTimer(model, plans, new ArrayList<>(), done);
    try {
      plans.forEach(plan -> timer.answers.add(prompt.apply(plan.plan())));
      return timer;
    } catch (RuntimeException | Error e) {
      timer.close();
      throw e;
    }
  }

  /**
   * Times answers.
   *
   * @param steps of each answer behind the prefill, at least 1
   * @param time runs an answer once and returns how long its phases took
   */
  public List<PlanResult> answers(
      int steps, int rounds, Function<RepeatedAnswer, Phases<Double>> time) {
    List<List<Phases<Double>>> millis = inTurn(rounds, time);
    ModelShape shape = ModelShape.of(model.config());
    List<AnswerWork> work =
        IntStream.range(0, plans.size())
            .mapToObj(i ->
                AnswerWork.of(
                    shape,
                    plans.get(i).plan(),
                    answers.get(i).shape(),
                    answers.get(i).imageShapes(),
                    steps,
                    model.weights(),
                    model.dtype()))
            .toList();
    return IntStream.range(0, plans.size())
        .mapToObj(i ->
            PlanResult.of(
                plans.get(i),
                work.get(i),
                millis.get(i),
                answers.get(i).keyValueBytes(),
                work.getFirst(),
                millis.getFirst()))
        .toList();
  }

  /** Encodes the images, runs a prefill and decodes; all times are of this run. */
  static Phases<Double> time(RepeatedAnswer answer, int steps) {
    Stopwatch stopwatch = new Stopwatch();
    answer.encode();
    double vision = stopwatch.lap();
    answer.prefill();
    double prefill = stopwatch.lap();
    for (int i = 0; i < steps; i++) {
      answer.decodeStep();
    }
    double decode = stopwatch.lap();
    return new Phases<>(
        Map.of(
            Phase.VISION,
            vision,
            Phase.PREFILL,
            prefill,
            Phase.STEP,
            decode / steps,
            Phase.ANSWER,
            vision + prefill + decode));
  }

  /**
   * The same, but the whole answer in a run of its own, in which nothing but tokens is waited for.
   */
  public static Phases<Double> timeFromPixels(RepeatedAnswer answer, int steps) {
    Map<Phase, Double> millis = new EnumMap<>(time(answer, steps).values());
    millis.put(Phase.ANSWER, Stopwatch.time(() -> answer.answer(steps + 1)));
    return new Phases<>(millis);
  }

  /** Sorts prefills' calls; images are encoded once, before. */
  List<Breakdown.Shares> breakdowns(CallTimer timer, int rounds) {
    answers.forEach(RepeatedAnswer::encode);
    List<List<Breakdown>> runs =
        inTurn(
            rounds,
            answer -> {
              timer.drain();
              long start = System.nanoTime();
              answer.prefill();
              long nanos = System.nanoTime() - start;
              return Breakdown.of(timer.drain(), nanos);
            });
    return IntStream.range(0, plans.size())
        .mapToObj(i -> Breakdown.Shares.of(plans.get(i).name(), runs.get(i)))
        .toList();
  }

  /** Runs each plan once a round, and returns what each plan's runs measured. */
  private <T> List<List<T>> inTurn(int rounds, Function<RepeatedAnswer, T> run) {
    List<Supplier<T>> sides = new ArrayList<>();
    for (RepeatedAnswer answer : answers) {
      sides.add(() -> {
        T measured = run.apply(answer);
        done.run();
        return measured;
      });
    }
    return Rounds.of(1, rounds).run(sides);
  }

  @Override
  public void close() {
    answers.forEach(RepeatedAnswer::close);
  }
}
