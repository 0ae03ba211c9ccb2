package org.pyramiddrop.training.chart;

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
import org.pyramiddrop.training.chart.LineChart.ChartException;
import org.pyramiddrop.training.chart.LineChart.Point;

class LineChartTest {
  private static final int BLUE = 0xFF0072B2;

  @TempDir private Path temp;

  @Test
  void drawsALineThatRisesWithItsNumbers() throws IOException {
    int[] first = columnsOf(chart());
    int[] last = columnsOf(chart().fromLargest());
    // Lower in the image is further down: the line climbs to the right, and falls when turned.
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

  @Test
  void writesEachLabelBesideItsOwnPoint() throws IOException {
    int[] below = inkAround(labelled(List.of("WWWWWW", "i"), LineChart.LabelSide.BELOW));
    int[] above = inkAround(labelled(List.of("i", "WWWWWW"), LineChart.LabelSide.ABOVE));
    // Above and below the left point, then the right one; the right one was given first.
    assertThat(below[0]).isZero();
    assertThat(below[2]).isZero();
    assertThat(below[1]).isPositive();
    assertThat(below[3]).isGreaterThan(3 * below[1]);
    assertThat(above[1]).isZero();
    assertThat(above[3]).isZero();
    assertThat(above[2]).isPositive();
    assertThat(above[0]).isGreaterThan(3 * above[2]);
  }

  @Test
  void refusesLabelsThatAreNotOneAPoint() {
    assertThatThrownBy(() -> labelled(List.of("alone"), LineChart.LabelSide.ABOVE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("plans has 2 points and 1 labels");
  }

  private static LineChart labelled(List<String> labels, LineChart.LabelSide side) {
    return new LineChart("Speed", "tokens", "seconds")
        .marks("plans", List.of(new Point(10, 5), new Point(0, 5)), labels, side);
  }

  /** Black pixels above and below the left half's mark, then the right half's. */
  private int[] inkAround(LineChart chart) throws IOException {
    BufferedImage image = draw(chart);
    int plot = image.getHeight() - 80;
    int[] columns = blueColumns(image, plot);
    int mark = blue(image, columns[0], plot);
    int left = 130; // the numbers of the vertical axis end before
    int middle = image.getWidth() / 2;
    return new int[] {
      ink(image, left, middle, mark - 20),
      ink(image, left, middle, mark + 8),
      ink(image, middle, image.getWidth(), mark - 20),
      ink(image, middle, image.getWidth(), mark + 8)
    };
  }

  private static int ink(BufferedImage image, int from, int to, int top) {
    return (int)
        IntStream.range(top, top + 20)
            .flatMap(y -> IntStream.range(from, to).map(x -> image.getRGB(x, y) & 0xFFFFFF))
            .filter(colour -> (colour & 0x808080) == 0)
            .count();
  }

  private static LineChart chart() {
    return new LineChart("Speed", "tokens", "seconds")
        .line("measured", List.of(new Point(0, 1), new Point(5, 6), new Point(10, 11)))
        .guide("ideal", List.of(new Point(0, 0), new Point(10, 10)));
  }

  /** Rows of the leftmost and of the rightmost blue pixel above the legend. */
  private int[] columnsOf(LineChart chart) throws IOException {
    BufferedImage image = draw(chart);
    int plot = image.getHeight() - 80;
    int[] columns = blueColumns(image, plot);
    return new int[] {
      blue(image, columns[0], plot), blue(image, columns[columns.length - 1], plot)
    };
  }

  private BufferedImage draw(LineChart chart) throws IOException {
    Path file = temp.resolve("out.png");
    chart.write(file);
    return ImageIO.read(file.toFile());
  }

  private static int[] blueColumns(BufferedImage image, int plot) {
    return IntStream.range(0, image.getWidth()).filter(x -> blue(image, x, plot) >= 0).toArray();
  }

  private static int blue(BufferedImage image, int x, int rows) {
    return IntStream.range(0, rows).filter(y -> image.getRGB(x, y) == BLUE).findFirst().orElse(-1);
  }
}
