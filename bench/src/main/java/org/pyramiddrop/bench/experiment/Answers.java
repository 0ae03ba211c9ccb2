package org.pyramiddrop.bench.experiment;

import java.util.List;
import java.util.concurrent.CancellationException;
import org.pyramiddrop.bench.dataset.Sample;
import org.pyramiddrop.transformer.Stage;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** Whoever answers questions: a model, or a test's stand-in for one. */
@FunctionalInterface
interface Answers {

  /**
   * Answers a question under a plan.
   *
   * @throws CancellationException if the thread is interrupted
   */
  Reply ask(Sample sample, PruningPlan plan);

  /**
   * An answer and what it took.
   *
   * @param text the answer
   * @param stages which image tokens each stage held
   * @param flops the honest count of the prompt, two a multiply-add
   * @param prefillMillis the decoder over the prompt
   * @param decodeMillis all decode steps
   */
  record Reply(
      String text, List<Stage> stages, double flops, double prefillMillis, double decodeMillis) {
    /** Keeps its own copy of the stages. */
    public Reply {
      stages = List.copyOf(stages);
    }
  }
}
