package org.pyramiddrop.bench.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.chart.LineChart.Point;

class LineChartTest {
  private static final int BLUE = 0xFF0072B2;

  @TempDir private Path temp;

  @Test
  void drawsALineThatRisesWithItsNumbers() throws IOException {
    int[] first = columnsOf(chart());
    int[] last = columnsOf(chart().fromLargest());
    // Lower in the picture is further down: the line climbs to the right, and falls when turned.
    assertThat(first[0]).isGreaterThan(first[1] + 100);
    assertThat(last[1]).isGreaterThan(last[0] + 100);
  }

  @Test
  void refusesAPointThatIsNoNumber() {
    List<Point> points = List.of(new Point(1, Double.NaN));
    assertThatThrownBy(() -> new LineChart("t", "x", "y").line("a line", points))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a line");
  }

  @Test
  void namesTheFileThatCannotBeWritten() throws IOException {
    Path folder = Files.createDirectory(temp.resolve("chart.png"));
    assertThatThrownBy(() -> chart().write(folder))
        .isInstanceOf(ChartException.class)
        .hasMessageContaining("chart.png can't be written");
  }

  private static LineChart chart() {
    return new LineChart("Speed", "tokens", "seconds")
        .line("measured", List.of(new Point(0, 1), new Point(5, 6), new Point(10, 11)))
        .guide("ideal", List.of(new Point(0, 0), new Point(10, 10)));
  }

  /** Rows of the leftmost and of the rightmost blue pixel above the legend. */
  private int[] columnsOf(LineChart chart) throws IOException {
    Path file = temp.resolve("out.png");
    chart.write(file);
    BufferedImage image = ImageIO.read(file.toFile());
    int plot = image.getHeight() - 80;
    int[] columns =
        IntStream.range(0, image.getWidth()).filter(x -> blue(image, x, plot) >= 0).toArray();
    return new int[] {
      blue(image, columns[0], plot), blue(image, columns[columns.length - 1], plot)
    };
  }

  private static int blue(BufferedImage image, int x, int rows) {
    return IntStream.range(0, rows).filter(y -> image.getRGB(x, y) == BLUE).findFirst().orElse(-1);
  }
}
