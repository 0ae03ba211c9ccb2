package org.pyramiddrop.bench.accuracy.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class MetricTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {"2 7|1", "' 2  7\n'|1", "Red|1", "'2\u00a07'|1", "27|0", "red.|0", "''|0", "7|0"})
  void exactMatchOverlooksWhiteSpaceAndCaseOnly(String answer, double score) {
    assertThat(Metric.EXACT_MATCH.score(answer, List.of("2 7", "red"))).isEqualTo(score);
  }

  @Test
  void exactMatchOverlooksTheSameInAcceptedAnswers() {
    assertThat(Metric.EXACT_MATCH.score("stop sign", List.of(" STOP  sign "))).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({"Yes, yes, 1", "Yes, no, 0", "No, no, 1", "No, yes, 0"})
  void popeScoresWhetherTheAnswerMeansTheLabel(String answer, String label, double score) {
    assertThat(Metric.POPE_ACCURACY.score(answer, List.of(label))).isEqualTo(score);
  }

  @Test
  void vqaScoresTheShareOfPeople() {
    assertThat(Metric.VQA_ACCURACY.score("no", List.of("No.", "no", "maybe"))).isEqualTo(2 / 3.0);
  }

  @ParameterizedTest
  @EnumSource
  void refusesToScoreAgainstNothing(Metric metric) {
    assertThatThrownBy(() -> metric.score("yes", List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(metric.label());
  }

  @ParameterizedTest
  @CsvSource({"maybe", "Yes"})
  void popeRefusesWhatIsNeitherYesNorNo(String label) {
    assertThatThrownBy(() -> Metric.POPE_ACCURACY.score("yes", List.of(label)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(label);
  }
}
