package org.pyramiddrop.bench.accuracy.experiment;

import java.util.concurrent.CancellationException;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Finish;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A model that answers greedily.
 *
 * @param suffix what stands behind each question
 */
record ModelAnswers(Llava llava, String suffix, int maxTokens) {
  /**
   * Answers a question under a plan.
   *
   * @throws CancellationException if the thread is interrupted
   */
  Answer ask(Sample sample, PruningPlan plan) {
    Options options = Options.defaults().withPruning(plan).withMaxTokens(maxTokens);
    Answer answer = llava.ask(question(sample), options);
    if (answer.finish() == Finish.CANCELLED) {
      throw new CancellationException("interrupted while an answer was decoded");
    }
    return answer;
  }

  /** What the model is asked, its image read. */
  Question question(Sample sample) {
    return Question.of(sample.question() + suffix, sample.image());
  }
}
