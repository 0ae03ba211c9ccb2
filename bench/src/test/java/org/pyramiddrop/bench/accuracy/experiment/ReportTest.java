package org.pyramiddrop.bench.accuracy.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.training.chart.LineChart;

class ReportTest {
  @TempDir private Path temp;

  private final StringWriter out = new StringWriter();

  private Report report() {
    return new Report(temp, new PrintWriter(out, true), List.of("from here"));
  }

  private static Table<List<Object>> table(List<List<Object>> rows) {
    return new Table<>("", rows).column("a", List::getFirst).column("b", row -> row.get(1));
  }

  @Test
  void quotesWhatWouldBreakALine() throws IOException {
    report().csv("x", table(List.of(List.of("1,5", "say \"no\""), List.of("two\nlines", 3))));
    assertThat(temp.resolve("x.csv"))
        .hasContent("a,b\n\"1,5\",\"say \"\"no\"\"\"\n\"two\nlines\",3\n");
    Table<List<Object>> lacksAValue = table(List.of(List.of(1)));
    assertThatThrownBy(() -> report().csv("y", lacksAValue))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThat(temp.resolve("y.csv")).doesNotExist();
  }

  @Test
  void saysThatAChartIsMissingAndWhereItsNumbersAre() throws IOException {
    Files.createDirectories(temp.resolve("x.png/in the way"));
    Report report = report();
    report.chart("x", new LineChart("", "", "").line("", List.of(new LineChart.Point(1, 2))));
    assertThat(out.toString()).contains("x.png can't be written").contains("x.csv has its numbers");
    assertThat(report.finish()).isFalse();
    assertThat(report().finish()).isTrue();
  }

  @Test
  void forgetsDrawingsOnly() {
    Report report = report();
    report.image("deep/1.png", new BufferedImage(2, 2, BufferedImage.TYPE_INT_RGB));
    report.csv("deep/index", table(List.of()));
    assertThat(report.has("deep/1.png")).isTrue();
    report.deleteImages("deep");
    report.deleteImages("none");
    assertThat(temp.resolve("deep")).isDirectoryContaining("glob:**index.csv");
    assertThat(report.has("deep/1.png")).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "1777399234560, 1.78 T",
    "49479680, 49.5 M",
    "108003328, 108 M",
    "9999999999, 10.0 G",
    "999600000, 1.00 G",
    "2500000000000000, 2500 T",
    "120, 0.00 M"
  })
  void showsThreeDigits(double count, String shown) {
    assertThat(Format.scaled(count)).isEqualTo(shown);
  }
}
