package org.pyramiddrop.bench.speed.compare;

import java.util.stream.IntStream;
import org.pyramiddrop.kernels.DType;
import tools.jackson.databind.JsonNode;

/**
 * What came of holding a side's output against a reference.
 *
 * @param agrees if not, its time means nothing
 * @param said what is wrong or how near it is, in words
 */
public record Verdict(boolean agrees, String said) {
  public static Verdict right(String said) {
    return new Verdict(true, said);
  }

  public static Verdict wrong(String said) {
    return new Verdict(false, said);
  }

  /**
   * How far outputs may be apart, as a share of their deviation: PyTorch rounds all activations to
   * bfloat16 where we keep float32.
   *
   * @param bfloat16 the bound for weights of that type
   */
  public static double bound(DType dtype, double bfloat16) {
    return dtype == DType.FLOAT32 ? 1e-3 : bfloat16;
  }

  /**
   * Compares element by element with what another implementation computed.
   *
   * @param bound how far an element may be off, as a share of the standard deviation of all that
   *     are expected
   */
  public static Verdict near(float[] expected, float[] got, double bound) {
    if (got.length != expected.length) {
      return wrong("%d numbers instead of %d".formatted(got.length, expected.length));
    }
    double deviation = deviation(expected);
    double worst = 0;
    for (int i = 0; i < got.length; i++) {
      double off = Math.abs((double) got[i] - expected[i]) / deviation;
      if (!(off <= bound)) {
        return wrong(
            "element %d is %g instead of %g, off by %.2g of the deviation where %.2g is allowed"
                .formatted(i, got[i], expected[i], off, bound));
      }
      worst = Math.max(worst, off);
    }
    return right("off by at most %.2g of the deviation".formatted(worst));
  }

  /** Counts the greedy tokens that are the same, if the first token's logits agree. */
  public static Verdict ofAnswer(Verdict logits, int[] expected, JsonNode tokens) {
    if (!logits.agrees) {
      return logits;
    }
    int same = 0;
    while (same < expected.length && tokens.path(same).asInt(-1) == expected[same]) {
      same++;
    }
    return right(
        "first logits %s, the first %d of %d greedy tokens the same"
            .formatted(logits.said(), same, expected.length));
  }

  private static double deviation(float[] values) {
    IntStream all = IntStream.range(0, values.length);
    double mean = all.mapToDouble(i -> values[i]).average().orElse(Double.NaN);
    double squares = 0;
    for (float value : values) {
      squares += (value - mean) * (value - mean);
    }
    return Math.sqrt(squares / values.length);
  }
}
