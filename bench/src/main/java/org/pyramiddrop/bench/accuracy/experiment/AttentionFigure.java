package org.pyramiddrop.bench.accuracy.experiment;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageView;
import org.pyramiddrop.transformer.AttentionMap;
import org.pyramiddrop.transformer.drawing.AttentionImage;
import org.pyramiddrop.transformer.drawing.Overlay;

/**
 * The paper's figure 1, right: what the last instruction token looks at in shallow and deep layers,
 * for one question, when nothing is dropped.
 */
final class AttentionFigure {
  private AttentionFigure() {}

  private record Row(int layer, Place place, float attention) {}

  /**
   * The figure of one question.
   *
   * @param dropLayers each stands for the layer whose attention ranks image tokens at a drop after
   *     so many layers: the last of them
   */
  static Experiment of(ModelAnswers model, Sample sample, List<Integer> dropLayers) {
    Overlay.check(model.llava().config());
    List<Integer> layers = dropLayers.stream().map(layer -> layer - 1).toList();
    return new Experiment(
        "attention", List.of(), false, (_, report) -> report(model, sample, layers, report));
  }

  private static void report(
      ModelAnswers model, Sample sample, List<Integer> layers, Report report) {
    List<AttentionMap> maps = model.llava().attention(model.question(sample), layers);
    ImageView view = model.llava().view(Image.read(sample.image()));
    List<Row> rows = new ArrayList<>();
    for (AttentionMap map : maps) {
      List<Float> image = map.images().getFirst();
      for (int token = 0; token < image.size(); token++) {
        rows.add(new Row(map.layer(), Place.of(view.layout(), token), image.get(token)));
      }
    }
    report.csv(
        "attention",
        new Table<>("", rows)
            .column("layer", Row::layer)
            .column("part", row -> row.place.part)
            .column("row", row -> row.place.row)
            .column("column", row -> row.place.column)
            .decimal("attention", Row::attention, 6));
    int patchSize = model.llava().config().vision().patchSize();
    report.image("attention.png", AttentionImage.draw(view, maps, 0, patchSize));
    report.print(
        new Table<>(
                "Attention of the prompt's last token: question %s, %s"
                    .formatted(sample.id(), sample.question()),
                maps)
            .column("layer", AttentionMap::layer)
            .column("attention to the image", map -> Format.percent(sum(map.images().getFirst())))
            .column(
                "highest token", map -> Format.percent(Collections.max(map.images().getFirst())))
            .column("tokens that get half of it", map -> half(map.images().getFirst())));
  }

  private static double sum(List<Float> attention) {
    return attention.stream().mapToDouble(Float::doubleValue).sum();
  }

  /**
   * What a token stands for.
   *
   * @param part {@code whole}, the image in the vision tower's square; {@code grid}, the finer one
   *     that tiles make; or {@code newline}, the end of a row of it
   */
  record Place(String part, int row, int column) {
    static Place of(ImageLayout layout, int token) {
      ImageLayout.Tiles tiles = layout.tiles();
      if (tiles == null || token < layout.cropTokens()) {
        return new Place("whole", token / layout.side(), token % layout.side());
      }
      int behind = token - layout.cropTokens();
      int row = behind / (tiles.columns() + 1);
      int column = behind % (tiles.columns() + 1);
      return new Place(column == tiles.columns() ? "newline" : "grid", row, column);
    }
  }

  private static String half(List<Float> attention) {
    return "%d of %d".formatted(tokensOfHalf(attention, sum(attention)), attention.size());
  }

  /** The fewest tokens that together get half of what all get. */
  static int tokensOfHalf(List<Float> attention, double sum) {
    double gathered = 0;
    int tokens = 0;
    for (float highest : attention.stream().sorted(Comparator.reverseOrder()).toList()) {
      if (gathered >= sum / 2) {
        break;
      }
      gathered += highest;
      tokens++;
    }
    return tokens;
  }
}
