package org.pyramiddrop.bench.experiment;

import java.util.concurrent.CancellationException;
import org.pyramiddrop.bench.dataset.Sample;
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
 * @param maxTokens the most tokens of an answer
 */
record ModelAnswers(Llava llava, String suffix, int maxTokens) implements Answers {

  @Override
  public Reply ask(Sample sample, PruningPlan plan) {
    Options options = Options.defaults().withPruning(plan).withMaxTokens(maxTokens);
    Answer answer = llava.ask(question(sample), options);
    if (answer.finish() == Finish.CANCELLED) {
      throw new CancellationException("interrupted while an answer was decoded");
    }
    return new Reply(
        answer.text(),
        answer.stages(),
        answer.flops().total(),
        answer.timings().prefillMillis(),
        answer.timings().decodeMillis());
  }

  /** What the model is asked, its picture read. */
  Question question(Sample sample) {
    return Question.of(sample.question() + suffix, sample.picture());
  }
}
