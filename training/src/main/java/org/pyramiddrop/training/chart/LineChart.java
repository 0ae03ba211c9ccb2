package org.pyramiddrop.training.chart;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Shape;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.jfree.chart.ChartFactory;
import org.jfree.chart.ChartUtils;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.block.BlockBorder;
import org.jfree.chart.labels.ItemLabelAnchor;
import org.jfree.chart.labels.ItemLabelPosition;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.ui.TextAnchor;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;
import org.pyramiddrop.loader.AtomicFile;

/** Lines over a number, drawn into a PNG file. */
public final class LineChart {
  private static final int WIDTH = 900;
  private static final int HEIGHT = 560;

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

  private static final List<Shape> MARKS =
      List.of(new Ellipse2D.Double(-4.5, -4.5, 9, 9), new Rectangle2D.Double(-4.5, -4.5, 9, 9));

  private final XYSeriesCollection data = new XYSeriesCollection();
  private final XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer();
  private final JFreeChart chart;
  private final ValueAxis x;

  /** A point of a line. */
  public record Point(double x, double y) {}

  public enum LabelSide {
    ABOVE,
    BELOW
  }

  /**
   * An empty chart.
   *
   * @param across what the horizontal axis counts
   * @param up what the vertical axis counts
   */
  public LineChart(String title, String across, String up) {
    chart = ChartFactory.createXYLineChart(title, across, up, data);
    chart.getLegend().setFrame(BlockBorder.NONE);
    XYPlot plot = chart.getXYPlot();
    plot.setRenderer(renderer);
    plot.setBackgroundPaint(Color.WHITE);
    plot.setDomainGridlinePaint(Color.LIGHT_GRAY);
    plot.setRangeGridlinePaint(Color.LIGHT_GRAY);
    plot.setOutlineVisible(false);
    x = plot.getDomainAxis();
    for (ValueAxis axis : List.of(x, plot.getRangeAxis())) {
      ((NumberAxis) axis).setAutoRangeIncludesZero(false);
      ((NumberAxis) axis).setAutoRangeStickyZero(false);
      axis.setAutoRangeMinimumSize(NARROWEST);
    }
  }

  /** Adds marked points and the line through them, in the order of x. */
  public LineChart line(String name, List<Point> points) {
    add(name, points, true, true);
    return this;
  }

  public LineChart marks(String name, List<Point> points) {
    add(name, points, false, true);
    return this;
  }

  /** Adds marked points without a line, each with a word. */
  public LineChart marks(String name, List<Point> points, List<String> labels, LabelSide side) {
    if (labels.size() != points.size()) {
      throw new IllegalArgumentException(
          "%s has %d points and %d labels".formatted(name, points.size(), labels.size()));
    }
    int series = add(name, points, false, true);
    // The series has its points in the order of x.
    List<String> texts =
        IntStream.range(0, points.size())
            .boxed()
            .sorted(Comparator.comparingDouble(i -> points.get(i).x()))
            .map(labels::get)
            .toList();
    ItemLabelPosition position =
        side == LabelSide.ABOVE
            ? new ItemLabelPosition(ItemLabelAnchor.OUTSIDE12, TextAnchor.BOTTOM_CENTER)
            : new ItemLabelPosition(ItemLabelAnchor.OUTSIDE6, TextAnchor.TOP_CENTER);
    renderer.setSeriesItemLabelGenerator(series, (_, _, item) -> texts.get(item));
    renderer.setSeriesPositiveItemLabelPosition(series, position);
    renderer.setSeriesNegativeItemLabelPosition(series, position);
    renderer.setSeriesItemLabelsVisible(series, true);
    x.setLowerMargin(LABEL_MARGIN);
    x.setUpperMargin(LABEL_MARGIN);
    return this;
  }

  /** Adds a thin dashed line to compare with. */
  public LineChart guide(String name, List<Point> points) {
    int series = add(name, points, true, false);
    renderer.setSeriesPaint(series, Color.GRAY);
    renderer.setSeriesStroke(series, stroke(1.5f, 6, 5));
    return this;
  }

  private int add(String name, List<Point> points, boolean line, boolean marks) {
    XYSeries series = new XYSeries(name, true, true);
    for (Point point : points) {
      if (!Double.isFinite(point.x()) || !Double.isFinite(point.y())) {
        throw new IllegalArgumentException(name + " has the point " + point);
      }
      series.add(point.x(), point.y());
    }
    int number = data.getSeriesCount();
    data.addSeries(series);
    // Every other line is dashed and its marks are hollow: lines that coincide both show.
    // Once all colours are used, those that had whole lines get dashed ones.
    boolean second = (number + number / COLOURS.size()) % 2 == 1;
    renderer.setSeriesLinesVisible(number, line);
    renderer.setSeriesShapesVisible(number, marks);
    renderer.setSeriesShape(number, MARKS.get(second ? 1 : 0));
    renderer.setSeriesShapesFilled(number, !second);
    renderer.setSeriesPaint(number, COLOURS.get(number % COLOURS.size()));
    renderer.setSeriesStroke(number, second ? stroke(2.5f, 12, 7) : new BasicStroke(2.5f));
    return number;
  }

  /** A stroke that is on and off for so many pixels. */
  private static BasicStroke stroke(float width, float on, float off) {
    return new BasicStroke(
        width, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, new float[] {on, off}, 0);
  }

  /** Lets the horizontal axis begin with its largest number. */
  public LineChart fromLargest() {
    x.setInverted(true);
    return this;
  }

  /**
   * Draws the chart.
   *
   * @throws ChartException if it can't be written, or this machine has no font
   */
  public void write(Path png) {
    try {
      write(png, chart.createBufferedImage(WIDTH, HEIGHT));
    } catch (UncheckedIOException e) {
      throw new ChartException(String.valueOf(e.getMessage()), e);
    } catch (InternalError | NoClassDefFoundError e) {
      // What Java throws where the system has no fontconfig or no font at all.
      throw new ChartException(
          png + " can't be drawn without a font; install fontconfig and a font such as DejaVu", e);
    }
  }

  /**
   * Writes any image as PNG; the file is there whole or not at all.
   *
   * @throws UncheckedIOException with the system's reason
   */
  public static void write(Path png, BufferedImage image) {
    try {
      AtomicFile.write(png, out -> out.write(ChartUtils.encodeAsPNG(image)));
    } catch (IOException e) {
      throw new UncheckedIOException(png + " can't be written: " + AtomicFile.reason(e), e);
    }
  }

  /** A chart could not be drawn; the message says why. */
  public static final class ChartException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ChartException(String message, Throwable cause) {
      super(message, cause);
    }
  }
}
