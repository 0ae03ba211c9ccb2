package org.pyramiddrop.transformer.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.transformer.engine.Sampler;

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

  @Test
  void refusesATopKBelowNone() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Sampling.greedy().withTopK(-1))
        .withMessage("top-k must be 0 (all tokens) or more, got -1");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, 1e-60, 1e60, Double.NaN, Double.POSITIVE_INFINITY})
  void refusesARepetitionPenaltyThatIsNone(double penalty) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Sampling.greedy().withRepetitionPenalty(penalty))
        .withMessage("repetition penalty must be a positive number, 1 for none, got " + penalty);
  }

  @Test
  void changesOneChoiceAtATime() {
    assertThat(Sampling.of(0.5, 0.9, 3).withTopK(40).withRepetitionPenalty(1.2))
        .isEqualTo(new Sampling(0.5, 0.9, 40, 1.2, 3));
  }

  @Test
  void saysWhatTheDeviceTakes() {
    Sampler drawing = new Sampler(new Sampling(0.5, 0.9, 40, 1.5, 3));
    float[] first = drawing.next();
    assertThat(first).hasSize(5).startsWith(0.5f, 0.9f).endsWith(40, 1.5f);
    assertThat(first[2]).isBetween(0f, 1f).isNotEqualTo(drawing.next()[2]);
    assertThat(drawing.draws()).isTrue();
    assertThat(drawing.penalises()).isTrue();
    Sampler greedy = new Sampler(Sampling.greedy());
    assertThat(greedy.next()).containsExactly(0, 1, 0, 0, 1);
    assertThat(greedy.draws()).isFalse();
    assertThat(greedy.penalises()).isFalse();
  }
}
