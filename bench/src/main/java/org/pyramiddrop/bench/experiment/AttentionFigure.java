package org.pyramiddrop.bench.experiment;

import java.util.Comparator;
import java.util.List;
import org.pyramiddrop.bench.Table;
import org.pyramiddrop.bench.dataset.Sample;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.Picture;
import org.pyramiddrop.loader.PictureView;
import org.pyramiddrop.transformer.AttentionMap;
import org.pyramiddrop.transformer.drawing.AttentionPicture;
import org.pyramiddrop.transformer.drawing.Overlay;

/**
 * The paper's figure 1, right: what the last instruction token looks at in shallow and deep layers,
 * for one question, when nothing is dropped.
 */
final class AttentionFigure implements Experiment {
  private final Subject subject;
  private final ModelAnswers model;
  private final Sample sample;
  private final List<Integer> layers;

  /**
   * The figure of one question.
   *
   * @param dropLayers each stands for the layer whose attention ranks image tokens at a drop after
   *     so many layers: the last of them
   */
  AttentionFigure(Subject subject, ModelAnswers model, Sample sample, List<Integer> dropLayers) {
    Overlay.check(model.llava().config());
    this.subject = subject;
    this.model = model;
    this.sample = sample;
    layers = dropLayers.stream().map(layer -> layer - 1).toList();
  }

  @Override
  public String name() {
    return "attention";
  }

  @Override
  public List<Variant> variants() {
    return List.of();
  }

  @Override
  public void report(Results results, Report report) {
    List<AttentionMap> maps = model.llava().attention(model.question(sample), layers);
    int patchSize = subject.shape().vision().patchSize();
    PictureView view = model.llava().view(Picture.read(sample.picture()));
    CsvFile csv = new CsvFile("layer", "part", "row", "column", "attention");
    Table table =
        new Table()
            .row(
                "layer", "attention to the picture", "highest token", "tokens that get half of it");
    for (AttentionMap map : maps) {
      List<Float> attention = map.images().getFirst();
      for (int token = 0; token < attention.size(); token++) {
        Place place = Place.of(view.layout(), token);
        csv.row(
            map.layer(),
            place.part(),
            place.row(),
            place.column(),
            Cells.decimal(attention.get(token), 6));
      }
      double sum = attention.stream().mapToDouble(Float::doubleValue).sum();
      table.row(
          String.valueOf(map.layer()),
          Cells.percent(sum),
          Cells.percent(attention.stream().max(Float::compare).orElseThrow()),
          "%d of %d".formatted(tokensOfHalf(attention, sum), attention.size()));
    }
    report.csv(name(), csv);
    report.image(name() + ".png", AttentionPicture.draw(view, maps, 0, patchSize));
    report.print(
        "Attention of the prompt's last token: question " + sample.id() + ", " + sample.question(),
        table,
        List.of());
  }

  /**
   * What a token stands for.
   *
   * @param part {@code whole}, the picture in the vision tower's square; {@code grid}, the finer
   *     one that tiles make; or {@code newline}, the end of a row of it
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
