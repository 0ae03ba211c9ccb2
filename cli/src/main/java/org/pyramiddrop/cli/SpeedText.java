package org.pyramiddrop.cli;

import java.util.Locale;
import org.pyramiddrop.transformer.Answer;

/** Words for how fast an answer came. */
final class SpeedText {
  private static final double MILLIS = 1000;

  private SpeedText() {}

  /** {@code 12 tokens, the first after 0.53 s, then 23.1 tokens/s}. */
  static String of(Answer answer) {
    int tokens = answer.tokenIds().size();
    String first =
        String.format(
            Locale.ROOT,
            "%d %s, the first after %.2f s",
            tokens,
            tokens == 1 ? "token" : "tokens",
            answer.timings().timeToFirstTokenMillis() / MILLIS);
    double speed = answer.tokensPerSecond();
    return speed > 0 ? first + String.format(Locale.ROOT, ", then %.1f tokens/s", speed) : first;
  }
}
