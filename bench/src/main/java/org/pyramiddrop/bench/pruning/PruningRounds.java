package org.pyramiddrop.bench.pruning;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RandomPrompt;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;

/**
 * Runs plans on the same prompt in rounds: each round every plan once, begun by another plan than
 * the round before, so that whatever else the machine does meets all. A first round compiles the
 * kernels and maps the weights, and does not count.
 */
final class PruningRounds {
  private static final long SEED = 6;

  private final ModelOnDevice decoder;
  private final PromptShape shape;
  private final List<NamedPlan> plans;
  private final Runnable done;

  /**
   * Prepares.
   *
   * @param plans the one without drops first
   * @param done runs behind each answer or prefill
   */
  PruningRounds(ModelOnDevice decoder, PromptShape shape, List<NamedPlan> plans, Runnable done) {
    this.decoder = decoder;
    this.shape = shape;
    this.plans = List.copyOf(plans);
    this.done = done;
  }

  /**
   * Times answers.
   *
   * @param newTokens of each answer, at least 2
   * @param rounds that count
   */
  List<PlanResult> answers(int newTokens, int rounds) {
    ModelShape model = ModelShape.of(decoder.config());
    List<List<Run>> runs = emptyLists();
    try (RandomPrompt prompt = decoder.prompt(shape, SEED)) {
      inTurn(
          rounds,
          (plan, counts) -> {
            try (RepeatedAnswer answer = prompt.answer(plans.get(plan).plan(), newTokens - 1)) {
              Run run = Run.time(answer, decoder.kernels().replays(), newTokens);
              if (counts) {
                runs.get(plan).add(run);
              }
            }
          });
    }
    List<PlanResult.Rounds> all =
        IntStream.range(0, plans.size())
            .mapToObj(i ->
                new PlanResult.Rounds(
                    plans.get(i),
                    PlanWork.of(model, plans.get(i).plan(), shape, newTokens),
                    runs.get(i)))
            .toList();
    return all.stream().map(rounded -> PlanResult.of(rounded, all.getFirst())).toList();
  }

  /**
   * Sorts what prefills spend their time on.
   *
   * @param timer stands before the decoder's device
   * @param rounds that count
   */
  List<PlanShares> breakdowns(CallTimer timer, int rounds) {
    List<List<Breakdown>> found = emptyLists();
    try (RandomPrompt prompt = decoder.prompt(shape, SEED)) {
      inTurn(
          rounds,
          (plan, counts) -> {
            try (RepeatedAnswer answer = prompt.answer(plans.get(plan).plan(), 0)) {
              timer.take();
              long start = System.nanoTime();
              answer.prefill();
              long nanos = System.nanoTime() - start;
              if (counts) {
                found.get(plan).add(Breakdown.of(timer.take(), nanos));
              }
            }
          });
    }
    return IntStream.range(0, plans.size())
        .mapToObj(i -> PlanShares.of(plans.get(i), found.get(i)))
        .toList();
  }

  private <T> List<List<T>> emptyLists() {
    List<List<T>> lists = new ArrayList<>();
    plans.forEach(_ -> lists.add(new ArrayList<>()));
    return lists;
  }

  /**
   * Goes through the rounds.
   *
   * @param run takes a plan's place and whether its round counts
   */
  private void inTurn(int rounds, BiConsumer<Integer, Boolean> run) {
    for (int round = 0; round <= rounds; round++) {
      for (int plan : turns(round, plans.size())) {
        run.accept(plan, round > 0);
        done.run();
      }
    }
  }

  /** The order of a round: the round before's, begun by its second. */
  static int[] turns(int round, int plans) {
    return IntStream.range(0, plans).map(i -> (round + i) % plans).toArray();
  }
}
