package org.pyramiddrop.bench.pruning;

import org.pyramiddrop.bench.model.RepeatedAnswer;

/**
 * One answer, timed as it went on: all three times are of the same run.
 *
 * @param prefillMillis from token ids and image embeddings to the first token
 * @param stepMillis from one token to the next, the mean over the answer
 * @param answerMillis from token ids and image embeddings to the last token
 * @param keyValueBytes bytes of keys and values, room for the answer included
 */
record Run(double prefillMillis, double stepMillis, double answerMillis, long keyValueBytes) {
  private static final double NANOS_PER_MILLI = 1e6;

  /**
   * Runs a prefill and decodes.
   *
   * @param warm whether to go through both once before, for a device that records its work
   * @param newTokens at least 2: the prefill gives the first, a step each of the others
   */
  static Run time(RepeatedAnswer answer, boolean warm, int newTokens) {
    if (warm) {
      answer.prefill();
      answer.decodeStep();
    }
    int steps = newTokens - 1;
    long start = System.nanoTime();
    answer.prefill();
    long first = System.nanoTime();
    for (int i = 0; i < steps; i++) {
      answer.decodeStep();
    }
    long last = System.nanoTime();
    return new Run(
        (first - start) / NANOS_PER_MILLI,
        (last - first) / NANOS_PER_MILLI / steps,
        (last - start) / NANOS_PER_MILLI,
        answer.keyValueBytes());
  }
}
