package org.pyramiddrop.bench.chart;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Shape;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Rectangle2D;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jfree.chart.ChartUtils;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.block.BlockBorder;
import org.jfree.chart.labels.ItemLabelAnchor;
import org.jfree.chart.labels.ItemLabelPosition;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.title.LegendTitle;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.TextAnchor;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;
import org.pyramiddrop.bench.OutputFile;

/** Lines over a number, drawn into a PNG file. */
public final class LineChart {
  private static final int WIDTH = 900;
  private static final int HEIGHT = 560;
  private static final float LINE = 2.5f;
  private static final float GUIDE = 1.5f;
  private static final double MARK = 9;

  /** Room at both ends for the halves of labels, as a share of the axis. */
  private static final double LABEL_MARGIN = 0.12;

  /** Of equal numbers an axis still has to be more than a point. */
  private static final double NARROWEST = 0.1;

  /** Told apart by colour-blind eyes too (Okabe and Ito 2008). */
  private static final List<Color> COLOURS =
      List.of(
          new Color(0x0072B2),
          new Color(0xD55E00),
          new Color(0x009E73),
          new Color(0xCC79A7),
          new Color(0xE69F00),
          new Color(0x56B4E9));

  private static final Color GUIDE_COLOUR = new Color(0x888888);

  private final String title;
  private final String across;
  private final String up;
  private final List<Line> lines = new ArrayList<>();
  private boolean fromRight;

  /** A point of a line. */
  public record Point(double x, double y) {}

  private enum Look {
    LINE,
    MARKS,
    GUIDE
  }

  /** Where the words about a point stand. */
  public enum Beside {
    ABOVE,
    BELOW
  }

  private record Labels(List<String> texts, Beside side) {}

  private record Line(String name, List<Point> points, Look look, Optional<Labels> labels) {}

  /**
   * An empty chart.
   *
   * @param across what the horizontal axis counts
   * @param up what the vertical axis counts
   */
  public LineChart(String title, String across, String up) {
    this.title = title;
    this.across = across;
    this.up = up;
  }

  /** Adds marked points and the line through them, in the order of x. */
  public LineChart line(String name, List<Point> points) {
    return add(name, points, Look.LINE);
  }

  /** Adds marked points without a line. */
  public LineChart marks(String name, List<Point> points) {
    return add(name, points, Look.MARKS);
  }

  /**
   * Adds marked points without a line, each with a word.
   *
   * @param labels one a point
   */
  public LineChart marks(String name, List<Point> points, List<String> labels, Beside side) {
    if (labels.size() != points.size()) {
      throw new IllegalArgumentException(
          "%s has %d points and %d labels".formatted(name, points.size(), labels.size()));
    }
    return add(name, points, Look.MARKS, Optional.of(new Labels(List.copyOf(labels), side)));
  }

  /** Adds a thin dashed line to compare with. */
  public LineChart guide(String name, List<Point> points) {
    return add(name, points, Look.GUIDE);
  }

  private LineChart add(String name, List<Point> points, Look look) {
    return add(name, points, look, Optional.empty());
  }

  private LineChart add(String name, List<Point> points, Look look, Optional<Labels> labels) {
    for (Point point : points) {
      if (!Double.isFinite(point.x()) || !Double.isFinite(point.y())) {
        throw new IllegalArgumentException(name + " has the point " + point);
      }
    }
    lines.add(new Line(name, List.copyOf(points), look, labels));
    return this;
  }

  /** Lets the horizontal axis begin with its largest number. */
  public LineChart fromLargest() {
    fromRight = true;
    return this;
  }

  /**
   * Draws the chart.
   *
   * @throws ChartException if it can't be written, or this machine has no font
   */
  public void write(Path png) {
    try {
      byte[] bytes = ChartUtils.encodeAsPNG(draw().createBufferedImage(WIDTH, HEIGHT));
      OutputFile.write(png, out -> out.write(bytes));
    } catch (IOException | UncheckedIOException e) {
      throw new ChartException(String.valueOf(e.getMessage()), e);
    } catch (InternalError | NoClassDefFoundError e) {
      // What Java throws where the system has no fontconfig or no font at all.
      throw new ChartException(
          png + " can't be drawn without a font; install fontconfig and a font such as DejaVu", e);
    }
  }

  private JFreeChart draw() {
    XYSeriesCollection data = new XYSeriesCollection();
    XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer();
    int colour = 0;
    for (int i = 0; i < lines.size(); i++) {
      Line line = lines.get(i);
      XYSeries series = new XYSeries(line.name(), true, true);
      line.points().forEach(point -> series.add(point.x(), point.y()));
      data.addSeries(series);
      boolean guide = line.look() == Look.GUIDE;
      renderer.setSeriesLinesVisible(i, line.look() != Look.MARKS);
      renderer.setSeriesShapesVisible(i, !guide);
      renderer.setSeriesShape(i, mark(i));
      renderer.setSeriesPaint(i, guide ? GUIDE_COLOUR : COLOURS.get(colour % COLOURS.size()));
      // Every other line is dashed and its marks are hollow: lines that coincide both show.
      boolean second = i % 2 == 1;
      renderer.setSeriesShapesFilled(i, !second);
      renderer.setSeriesStroke(
          i, guide ? dashed(GUIDE, 6, 5) : second ? dashed(LINE, 12, 7) : new BasicStroke(LINE));
      if (!guide) {
        colour++;
      }
      if (line.labels().isPresent()) {
        label(renderer, i, line, line.labels().get());
      }
    }
    NumberAxis x = axis(across);
    x.setInverted(fromRight);
    if (lines.stream().anyMatch(line -> line.labels().isPresent())) {
      x.setLowerMargin(LABEL_MARGIN);
      x.setUpperMargin(LABEL_MARGIN);
    }
    XYPlot plot = new XYPlot(data, x, axis(up), renderer);
    plot.setBackgroundPaint(Color.WHITE);
    plot.setDomainGridlinePaint(Color.LIGHT_GRAY);
    plot.setRangeGridlinePaint(Color.LIGHT_GRAY);
    plot.setOutlineVisible(false);
    JFreeChart chart = new JFreeChart(title, font(Font.BOLD, 18), plot, true);
    chart.setBackgroundPaint(Color.WHITE);
    LegendTitle legend = chart.getLegend();
    legend.setPosition(RectangleEdge.BOTTOM);
    legend.setItemFont(font(Font.PLAIN, 14));
    legend.setFrame(BlockBorder.NONE);
    return chart;
  }

  private static void label(XYLineAndShapeRenderer renderer, int series, Line line, Labels labels) {
    // The series has its points in the order of x.
    List<String> texts =
        IntStream.range(0, line.points().size())
            .boxed()
            .sorted(Comparator.comparingDouble(i -> line.points().get(i).x()))
            .map(labels.texts()::get)
            .toList();
    renderer.setSeriesItemLabelGenerator(series, (_, _, item) -> texts.get(item));
    renderer.setSeriesItemLabelFont(series, font(Font.PLAIN, 13));
    ItemLabelPosition position =
        labels.side() == Beside.ABOVE
            ? new ItemLabelPosition(ItemLabelAnchor.OUTSIDE12, TextAnchor.BOTTOM_CENTER)
            : new ItemLabelPosition(ItemLabelAnchor.OUTSIDE6, TextAnchor.TOP_CENTER);
    renderer.setSeriesPositiveItemLabelPosition(series, position);
    renderer.setSeriesNegativeItemLabelPosition(series, position);
    renderer.setSeriesItemLabelsVisible(series, true);
  }

  private static NumberAxis axis(String label) {
    NumberAxis axis = new NumberAxis(label);
    axis.setAutoRangeIncludesZero(false);
    axis.setAutoRangeStickyZero(false);
    axis.setAutoRangeMinimumSize(NARROWEST);
    axis.setLabelFont(font(Font.PLAIN, 15));
    axis.setTickLabelFont(font(Font.PLAIN, 13));
    return axis;
  }

  /** A stroke that is on and off for so many pixels. */
  private static BasicStroke dashed(float width, float on, float off) {
    return new BasicStroke(
        width, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, new float[] {on, off}, 0);
  }

  private static Shape mark(int series) {
    return series % 2 == 0
        ? new Ellipse2D.Double(-MARK / 2, -MARK / 2, MARK, MARK)
        : new Rectangle2D.Double(-MARK / 2, -MARK / 2, MARK, MARK);
  }

  private static Font font(int style, int size) {
    return new Font(Font.SANS_SERIF, style, size);
  }
}
