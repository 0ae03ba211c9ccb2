package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TokenProbabilityTest {

  static Stream<Long> seeds() {
    return new Random().longs(10).boxed();
  }

  /** The logarithm of a softmax, its sum in 50 digits. */
  private static double expected(float[] logits, int id) {
    MathContext digits = new MathContext(50);
    BigDecimal sum = BigDecimal.ZERO;
    for (float logit : logits) {
      sum = sum.add(new BigDecimal(Math.exp((double) logit - logits[id])), digits);
    }
    return -Math.log(sum.doubleValue());
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void isTheLogarithmOfTheSoftmaxAndTellsTheLikeliestInOrder(long seed) {
    Random random = new Random(seed);
    float[] logits = new float[257];
    for (int i = 0; i < logits.length; i++) {
      // Whole numbers among them make ties.
      logits[i] = random.nextBoolean() ? random.nextInt(-6, 7) : 10 * random.nextFloat() - 5;
    }
    List<Integer> order =
        IntStream.range(0, logits.length)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer id) -> -logits[id]))
            .toList();
    int id = random.nextInt(logits.length);
    for (int count : new int[] {0, 1, 7, 257, 300}) {
      TokenProbability actual = TokenProbability.of(logits, id, count);
      assertThat(actual.id()).isEqualTo(id);
      assertThat(actual.logProbability()).isCloseTo(expected(logits, id), within(1e-12));
      assertThat(actual.likeliest())
          .extracting(TokenProbability.Alternative::id)
          .containsExactlyElementsOf(order.subList(0, Math.min(count, logits.length)));
      for (TokenProbability.Alternative other : actual.likeliest()) {
        assertThat(other.logProbability()).isCloseTo(expected(logits, other.id()), within(1e-12));
      }
    }
  }

  @Test
  void equalLogitsPreferTheLowerId() {
    assertThat(TokenProbability.of(new float[] {1, 3, 3, 1, 3}, 0, 2).likeliest())
        .extracting(TokenProbability.Alternative::id)
        .containsExactly(1, 2);
  }

  @Test
  void holdsWhereFloatsOverflow() {
    float[] logits = {3e38f, 3e38f, Float.NEGATIVE_INFINITY};
    TokenProbability actual = TokenProbability.of(logits, 1, 3);
    assertThat(actual.logProbability()).isCloseTo(-Math.log(2), within(1e-15));
    assertThat(actual.likeliest().getLast().logProbability()).isEqualTo(Double.NEGATIVE_INFINITY);
  }
}
