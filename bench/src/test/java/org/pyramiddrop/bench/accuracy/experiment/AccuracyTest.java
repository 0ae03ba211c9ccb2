package org.pyramiddrop.bench.accuracy.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AccuracyTest {
  // The first four are the examples of Newcombe (1998), "Two-sided confidence intervals for the
  // single proportion", method 3; the others were computed with the formula in Python.
  @ParameterizedTest
  @CsvSource({
    "81, 263, 0.2553, 0.3662",
    "15, 148, 0.0624, 0.1605",
    "0, 20, 0.0000, 0.1611",
    "1, 29, 0.0061, 0.1718",
    "10, 10, 0.7225, 1.0000",
    "1, 1, 0.2065, 1.0000",
    "280, 300, 0.8993, 0.9564",
    "7.5, 10, 0.4422, 0.9191"
  })
  void hasWilsonsInterval(double right, int asked, double low, double high) {
    Accuracy accuracy = new Accuracy(right, asked);
    assertThat(accuracy.low()).isCloseTo(low, within(5e-5)).isBetween(0.0, accuracy.share());
    assertThat(accuracy.high()).isCloseTo(high, within(5e-5)).isBetween(accuracy.share(), 1.0);
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "-0.1, 3", "3.1, 3", "NaN, 3"})
  void refusesWhatCannotBe(double right, int asked) {
    assertThatThrownBy(() -> new Accuracy(right, asked))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
