package org.pyramiddrop.bench.speed.compare;

import org.pyramiddrop.kernels.DType;
import tools.jackson.databind.JsonNode;

/** What came of holding a side's output against a reference. */
public sealed interface Verdict {
  /** What is wrong or how near it is, in words. */
  String said();

  /** The output is right. */
  record Agrees(String said) implements Verdict {}

  /** It is not, so its time means nothing. */
  record Differs(String said) implements Verdict {}

  /**
   * How far outputs may be apart, as a share of their deviation: PyTorch rounds all activations to
   * bfloat16 where we keep float32.
   *
   * @param bfloat16 the bound for weights of that type
   */
  static double bound(DType dtype, double bfloat16) {
    return dtype == DType.FLOAT32 ? 1e-3 : bfloat16;
  }

  /**
   * Compares element by element with what another implementation computed.
   *
   * @param bound how far an element may be off, as a share of the standard deviation of all that
   *     are expected
   */
  static Verdict near(float[] expected, float[] got, double bound) {
    if (got.length != expected.length) {
      return new Differs("%d numbers instead of %d".formatted(got.length, expected.length));
    }
    double deviation = deviation(expected);
    double worst = 0;
    for (int i = 0; i < got.length; i++) {
      double off = Math.abs((double) got[i] - expected[i]) / deviation;
      if (!(off <= bound)) {
        return new Differs(
            "element %d is %g instead of %g, off by %.2g of the deviation where %.2g is allowed"
                .formatted(i, got[i], expected[i], off, bound));
      }
      worst = Math.max(worst, off);
    }
    return new Agrees("off by at most %.2g of the deviation".formatted(worst));
  }

  /** Counts the greedy tokens that are the same, if the first token's logits agree. */
  static Verdict ofAnswer(Verdict logits, int[] expected, JsonNode tokens) {
    if (logits instanceof Differs) {
      return logits;
    }
    int same = 0;
    while (same < expected.length && tokens.path(same).asInt(-1) == expected[same]) {
      same++;
    }
    return new Agrees(
        "first logits %s, the first %d of %d greedy tokens the same"
            .formatted(logits.said(), same, expected.length));
  }

  private static double deviation(float[] values) {
    double mean = 0;
    for (float value : values) {
      mean += value;
    }
    mean /= values.length;
    double squares = 0;
    for (float value : values) {
      squares += (value - mean) * (value - mean);
    }
    return Math.sqrt(squares / values.length);
  }
}
