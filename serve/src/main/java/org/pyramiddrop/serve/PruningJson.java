package org.pyramiddrop.serve;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.ImageView;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.CutTokens;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Stage;
import org.pyramiddrop.transformer.drawing.Overlay;

/**
 * What became of a prompt's image tokens: an extension of OpenAI's API.
 *
 * @param imageTokens before any cut, all images together
 * @param cuts before the decoder, in order
 * @param stages of the decoder, in order
 * @param overlay the images once a stage, what was dropped turned grey, as a {@code data:} URI of a
 *     PNG, if it was asked for
 */
record PruningJson(
    int imageTokens, List<CutJson> cuts, List<StageJson> stages, @Nullable String overlay) {

  /**
   * A cut before the decoder.
   *
   * @param place {@code tower} or {@code projector}
   * @param kept of each image, the indices of tokens that went on, if they were asked for
   */
  record CutJson(String place, int imageTokens, @Nullable List<List<Integer>> kept) {}

  /**
   * A stage.
   *
   * @param layers of the decoder that are in it, such as {@code 8-15}
   * @param kept of each image, the indices of tokens that were there, if they were asked for
   */
  record StageJson(String layers, int imageTokens, @Nullable List<List<Integer>> kept) {}

  /** What an answer says of it. */
  static PruningJson of(Answer answer, ChatRequest asked, Llava model) {
    int layers = model.config().text().layers();
    List<Stage> stages = answer.stages();
    return new PruningJson(
        answer.imageTokens(),
        answer.cuts().stream()
            .map(
                cut -> new CutJson(cut.placeName(), cut.tokens(), asked.kept() ? cut.kept() : null))
            .toList(),
        IntStream.range(0, stages.size())
            .mapToObj(i ->
                new StageJson(
                    Stage.layers(stages, i, layers),
                    stages.get(i).imageTokens(),
                    asked.kept() ? stages.get(i).kept() : null))
            .toList(),
        asked.overlay() ? overlay(answer.cuts(), stages, asked, model) : null);
  }

  private static @Nullable String overlay(
      List<CutTokens> cuts, List<Stage> stages, ChatRequest asked, Llava model) {
    List<ImageView> views = asked.request().question().images().stream().map(model::view).toList();
    if (views.isEmpty()) {
      return null;
    }
    BufferedImage drawing =
        Overlay.draw(
            views,
            cuts,
            stages,
            model.config().text().layers(),
            model.config().vision().patchSize());
    return "data:image/png;base64," + Base64.getEncoder().encodeToString(png(drawing));
  }

  private static byte[] png(BufferedImage drawing) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      Overlay.writePng(drawing, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }
}
