package org.pyramiddrop.transformer.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SamplingTest {

  @Test
  void temperatureZeroIsGreedy() {
    assertThat(Sampling.greedy().isGreedy()).isTrue();
    assertThat(Sampling.of(0, 0.9, 7).isGreedy()).isTrue();
    assertThat(Sampling.of(0.1, 1, 7).isGreedy()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, Double.NaN, Double.POSITIVE_INFINITY})
  void refusesATemperatureThatIsNone(double temperature) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Sampling.of(temperature, 1, 0))
        .withMessage("temperature must be 0 or a positive number, got " + temperature);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, 1.5, Double.NaN})
  void refusesATopPOutsideZeroToOne(double topP) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Sampling.of(1, topP, 0))
        .withMessage("top-p " + topP + " is outside (0, 1]");
  }
}
