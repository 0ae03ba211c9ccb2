package org.pyramiddrop.bench.accuracy.experiment;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URLEncoder;
import java.util.List;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.bench.report.Progress;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageView;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.drawing.Overlay;

/**
 * The paper's figure 5: for each question the image stage by stage, dropped patches dimmed, under
 * PyramidDrop that halves. A drawing that is there already is not drawn again.
 */
final class Figure5 {
  static final String FOLDER = "figure-5";

  private Figure5() {}

  static Experiment of(ModelPlans plans, ModelAnswers model) {
    Overlay.check(model.llava().config());
    Variant pyramid = plans.pyramid(0.5);
    return new Experiment(
        FOLDER,
        List.of(pyramid),
        false,
        (results, report) -> report(pyramid, model, results, report));
  }

  private static void report(Variant pyramid, ModelAnswers model, Results results, Report report) {
    List<Sample> samples = results.dataset().samples();
    try (Progress progress = new Progress(FOLDER, samples.size())) {
      for (Sample sample : samples) {
        if (!report.has(drawing(sample))) {
          draw(sample, pyramid, model, report);
        }
        progress.step();
      }
    }
    report.csv(
        FOLDER,
        new Table<>("", samples)
            .column("question_id", Sample::id)
            .column("question", Sample::question)
            .column("answer", sample -> results.answer(pyramid, sample).answer())
            .column("accepted", sample -> String.join(" | ", sample.answers()))
            .decimal("score", sample -> results.answer(pyramid, sample).score(), 2)
            .column("drawing", Figure5::drawing));
    report.print(
        new Table<>("Figure 5: the image tokens that stay", List.of(pyramid))
            .column("plan", Variant::name)
            .column("image tokens", Variant::keptText)
            .column("drawings", _ -> samples.size())
            .column("right", results::accuracy));
  }

  /** A file's name that no other question has: letters and digits stay, others are escaped. */
  private static String drawing(Sample sample) {
    return FOLDER + "/" + URLEncoder.encode(sample.id(), UTF_8) + ".png";
  }

  private static void draw(Sample sample, Variant variant, ModelAnswers model, Report report) {
    LlavaConfig config = model.llava().config();
    ImageView view = model.llava().view(Image.read(sample.image()));
    report.image(
        drawing(sample),
        Overlay.draw(
            List.of(view),
            model.ask(sample, variant.plan()).stages(),
            config.text().layers(),
            config.vision().patchSize()));
  }
}
