package org.pyramiddrop.bench.accuracy.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PopeReportTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Yes|true",
        "No|false",
        "no|false",
        "' no\n'|false",
        "No, there is none|false",
        "There is no dog.|false",
        "It is not.|false",
        "I see,no dog|true", // commas leave no space
        "Yes. There is no cat.|true",
        "No. Yes.|false", // the first sentence alone
        "NO|true",
        "Not|true",
        "Nothing|true",
        "cannot|true",
        "isn't|true",
        "no!|true", // other words
        "''|true",
        "maybe|true" // anything else means yes
      })
  void readsAnAnswerAsPopesEvaluationDoes(String answer, boolean yes) {
    assertThat(PopeReport.saysYes(answer)).isEqualTo(yes);
  }

  @Test
  void countsAndSharesAsWorkedOutByHand() {
    PopeReport report =
        PopeReport.of(
            List.of("Yes", "yes", "Yes.", "no", "No", "not there", "Yes"),
            List.of("yes", "yes", "no", "no", "yes", "no", "yes"));
    assertThat(report).isEqualTo(new PopeReport(3, 1, 2, 1));
    assertThat(report.accuracy()).isEqualTo(5 / 7.0);
    assertThat(report.precision()).isEqualTo(3 / 4.0);
    assertThat(report.recall()).isEqualTo(3 / 4.0);
    assertThat(report.f1()).isEqualTo(3 / 4.0);
    assertThat(report.yesRatio()).isEqualTo(4 / 7.0);
  }

  @Test
  void tellsPrecisionFromRecall() {
    PopeReport report = new PopeReport(3, 3, 4, 1);
    assertThat(report.precision()).isEqualTo(0.5);
    assertThat(report.recall()).isEqualTo(0.75);
    assertThat(report.f1()).isEqualTo(0.6);
    assertThat(report.yesRatio()).isEqualTo(6 / 11.0);
  }

  @Test
  void agreesWithTheMetricOnAccuracy() {
    List<String> answers = List.of("Yes", "no", "not sure", "a dog");
    List<String> labels = List.of("no", "no", "yes", "yes");
    double sum = 0;
    for (int i = 0; i < answers.size(); i++) {
      sum += Metric.POPE_ACCURACY.score(answers.get(i), List.of(labels.get(i)));
    }
    assertThat(PopeReport.of(answers, labels).accuracy()).isEqualTo(sum / answers.size());
  }

  @Test
  void callsAShareOfNothingZero() {
    PopeReport report = PopeReport.of(List.of("no"), List.of("no"));
    assertThat(List.of(report.precision(), report.recall(), report.f1(), report.yesRatio()))
        .containsOnly(0.0);
    assertThat(report.accuracy()).isEqualTo(1);
  }

  @Test
  void refusesWhatDoesNotPair() {
    assertThatThrownBy(() -> PopeReport.of(List.of("yes", "no"), List.of("yes")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("1 labels for 2 answers");
    assertThatThrownBy(() -> PopeReport.of(List.of(), List.of()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> PopeReport.of(List.of("yes"), List.of("maybe")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("maybe");
  }
}
