package org.pyramiddrop.bench.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TableTest {
  private record Row(String name, Spread millis, @Nullable Double share) {}

  private static final Table<Row> TABLE =
      new Table<>(
              "times",
              List.of(
                  new Row("long, \"quoted\" name", new Spread(12.345, 1, 400, 3), 0.5),
                  new Row("b", new Spread(0.01234, 0.01, 0.02, 3), null)))
          .column("", Row::name)
          .spread("median ms", Row::millis)
          .ratio("half", row -> row.millis().median() / 2)
          .column("share", row -> row.share() == null ? null : Numbers.percent(row.share()))
          .note("a note");

  @Test
  void setsCellsUnderTheirHeads() {
    assertThat(TABLE.lines())
        .containsExactly(
            "                     median ms       low–high   half  share",
            "long, \"quoted\" name       12.3       1.00–400  6.173    50%",
            "b                       0.0123  0.0100–0.0200  0.006       ");
  }

  @Test
  void isASectionOfADocument() {
    Document document = new Document(List.of("machine: this"), List.of(TABLE));
    assertThat(document.lines())
        .startsWith("machine: this", "", "times")
        .containsSubsequence(TABLE.lines())
        .endsWith("a note");
    assertThat(document.markdown())
        .containsExactly(
            "- machine: this",
            "",
            "## times",
            "",
            "|  | median ms | low–high | half | share |",
            "| --- | ---: | ---: | ---: | ---: |",
            "| long, \"quoted\" name | 12.3 | 1.00–400 | 6.173 | 50% |",
            "| b | 0.0123 | 0.0100–0.0200 | 0.006 |  |",
            "",
            "a note");
  }

  @Test
  void quotesWhatCommaSeparatedValuesMust() {
    assertThat(TABLE.csv())
        .containsExactly(
            ",median ms,low–high,half,share",
            "\"long, \"\"quoted\"\" name\",12.3,1.00–400,6.173,50%",
            "b,0.0123,0.0100–0.0200,0.006,");
  }
}
