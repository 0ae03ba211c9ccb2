package org.pyramiddrop.bench.speed.pruning;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RandomPrompt;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;

/**
 * Times plans on the same prompt in turn, from token ids and image embeddings on. A first round
 * compiles the kernels and maps the weights, and does not count.
 *
 * @param plans the one without drops first
 * @param done runs behind each answer or prefill
 */
record PlanTimer(ModelOnDevice decoder, PromptShape shape, List<NamedPlan> plans, Runnable done) {
  private static final long SEED = 6;

  /**
   * Times answers.
   *
   * @param newTokens of each answer, at least 2: the prefill gives the first, a step each other
   * @param rounds that count
   */
  List<PlanResult> answers(int newTokens, int rounds) {
    record Answer(Phases<Double> millis, long keyValueBytes) {}
    int steps = newTokens - 1;
    // A device that records its work does so in a run before.
    boolean warm = decoder.kernels().replays();
    List<List<Answer>> answers =
        inTurn(
            rounds, steps, answer -> new Answer(time(answer, warm, steps), answer.keyValueBytes()));
    ModelShape model = ModelShape.of(decoder.config());
    PromptShape embedded = new PromptShape(shape.text(), shape.images(), 0);
    List<PlanResult.Runs> runs = new ArrayList<>();
    for (NamedPlan plan : plans) {
      List<Answer> own = answers.get(runs.size());
      runs.add(
          new PlanResult.Runs(
              plan.name(),
              plan.plan(),
              AnswerWork.of(model, plan.plan(), embedded, steps, decoder.kernels().dtype()),
              own.stream().map(Answer::millis).toList(),
              own.getFirst().keyValueBytes()));
    }
    return PlanResult.of(runs);
  }

  /** Runs a prefill and decodes; all three times are of this run. */
  static Phases<Double> time(RepeatedAnswer answer, boolean warm, int steps) {
    if (warm) {
      answer.prefill();
      answer.decodeStep();
    }
    Stopwatch stopwatch = new Stopwatch();
    answer.prefill();
    double prefill = stopwatch.lap();
    for (int i = 0; i < steps; i++) {
      answer.decodeStep();
    }
    double decode = stopwatch.lap();
    return new Phases<>(
        Map.of(Phase.PREFILL, prefill, Phase.STEP, decode / steps, Phase.ANSWER, prefill + decode));
  }

  /**
   * Sorts what prefills spend their time on.
   *
   * @param timer wraps the decoder's device
   * @param rounds that count
   */
  List<PlanShares> breakdowns(CallTimer timer, int rounds) {
    List<List<Breakdown>> runs =
        inTurn(
            rounds,
            0,
            answer -> {
              timer.drain();
              long start = System.nanoTime();
              answer.prefill();
              long nanos = System.nanoTime() - start;
              return Breakdown.of(timer.drain(), nanos);
            });
    List<PlanShares> shares = new ArrayList<>();
    plans.forEach(plan -> shares.add(PlanShares.of(plan.name(), runs.get(shares.size()))));
    return shares;
  }

  /**
   * Runs each plan once a round.
   *
   * @param further tokens of an answer behind the first
   * @return what each plan's runs measured
   */
  private <T> List<List<T>> inTurn(int rounds, int further, Function<RepeatedAnswer, T> run) {
    try (RandomPrompt prompt = decoder.prompt(shape, SEED)) {
      List<Supplier<T>> sides = new ArrayList<>();
      for (NamedPlan plan : plans) {
        sides.add(() -> {
          try (RepeatedAnswer answer = prompt.answer(plan.plan(), further)) {
            return run.apply(answer);
          } finally {
            done.run();
          }
        });
      }
      return Rounds.of(1, rounds).run(sides);
    }
  }
}
