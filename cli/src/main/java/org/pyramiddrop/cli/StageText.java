package org.pyramiddrop.cli;

import java.util.List;
import java.util.Locale;
import org.pyramiddrop.transformer.CutTokens;
import org.pyramiddrop.transformer.Stage;

/** Words for the stages of an answer. */
final class StageText {
  private StageText() {}

  /**
   * A table of stage, layers, image tokens and their share of all; cuts before the decoder come
   * first.
   *
   * @param imageTokens before any cut
   */
  static List<String> table(int imageTokens, List<CutTokens> cuts, List<Stage> stages, int layers) {
    Table table = new Table().row("stage", "layers", "image tokens", "share");
    double all = imageTokens;
    for (CutTokens cut : cuts) {
      table.row(
          "cut",
          cut.placeName(),
          Integer.toString(cut.tokens()),
          String.format(Locale.ROOT, "%.1f%%", 100 * cut.tokens() / all));
    }
    for (int i = 0; i < stages.size(); i++) {
      int tokens = stages.get(i).imageTokens();
      table.row(
          Integer.toString(i),
          Stage.layers(stages, i, layers),
          Integer.toString(tokens),
          String.format(Locale.ROOT, "%.1f%%", 100 * tokens / all));
    }
    return table.lines();
  }
}
