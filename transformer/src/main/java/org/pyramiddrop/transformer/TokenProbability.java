package org.pyramiddrop.transformer;

import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * How likely a generated token was: the natural logarithm of the softmax of the model's own logits,
 * before temperature, repetition penalty and any truncation. It is computed in double from float32
 * logits.
 *
 * @param id the token
 * @param logProbability its own, at most 0
 * @param likeliest the likeliest tokens in its place, descending, lower ids first among equals; as
 *     many as were asked for, or as the vocabulary has
 */
public record TokenProbability(int id, double logProbability, List<Alternative> likeliest) {
  /**
   * A token that might have been chosen.
   *
   * @param id the token
   * @param logProbability as that of the chosen one
   */
  public record Alternative(int id, double logProbability) {}

  /** Keeps its own copy of the list. */
  public TokenProbability {
    likeliest = List.copyOf(likeliest);
  }

  /**
   * What logits say of a chosen token.
   *
   * @param logits one a token of the vocabulary, none of them NaN
   * @param count how many of the likeliest to tell
   */
  static TokenProbability of(float[] logits, int id, int count) {
    double highest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      highest = Math.max(highest, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - highest);
    }
    // The difference first: beside large logits the logarithm of the sum would be rounded away.
    double most = highest;
    double logOfSum = Math.log(sum);
    List<Alternative> likeliest =
        highest(logits, count).stream()
            .map(other -> new Alternative(other, logits[other] - most - logOfSum))
            .toList();
    return new TokenProbability(id, logits[id] - most - logOfSum, likeliest);
  }

  /** The ids of the highest logits, descending, lower ids first among equals. */
  private static List<Integer> highest(float[] logits, int count) {
    if (count == 0) {
      return List.of();
    }
    Comparator<Integer> likelierLast =
        Comparator.comparingDouble((Integer id) -> logits[id])
            .thenComparing(Comparator.reverseOrder());
    // Its head is the least likely of those that are in.
    PriorityQueue<Integer> in = new PriorityQueue<>(likelierLast);
    for (int id = 0; id < logits.length; id++) {
      if (in.size() < count) {
        in.add(id);
      } else if (logits[id] > logits[in.element()]) {
        in.remove();
        in.add(id);
      }
    }
    return in.stream().sorted(likelierLast.reversed()).toList();
  }
}
