package org.pyramiddrop.bench.experiment;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URLEncoder;
import java.util.List;
import org.pyramiddrop.bench.Progress;
import org.pyramiddrop.bench.Table;
import org.pyramiddrop.bench.dataset.Sample;
import org.pyramiddrop.loader.Picture;
import org.pyramiddrop.loader.PictureView;
import org.pyramiddrop.transformer.drawing.Overlay;

/**
 * The paper's figure 5: for each question the picture stage by stage, dropped patches dimmed, under
 * PyramidDrop that halves. A drawing that is there already is not drawn again.
 */
final class Figure5 implements Experiment {
  /** Where the drawings are. */
  static final String FOLDER = "figure-5";

  private final Subject subject;
  private final ModelAnswers model;
  private final Variant pyramid;

  Figure5(Subject subject, ModelAnswers model) {
    Overlay.check(model.llava().config());
    this.subject = subject;
    this.model = model;
    pyramid = subject.pyramid(0.5);
  }

  @Override
  public String name() {
    return FOLDER;
  }

  @Override
  public List<Variant> variants() {
    return List.of(pyramid);
  }

  @Override
  public void report(Results results, Report report) {
    CsvFile csv = new CsvFile("question_id", "question", "answer", "accepted", "score", "drawing");
    List<Sample> samples = results.dataset().samples();
    try (Progress progress = new Progress(name(), samples.size())) {
      for (Sample sample : samples) {
        String drawing = FOLDER + "/" + drawing(sample);
        if (!report.has(drawing)) {
          draw(sample, drawing, report);
        }
        Journal.Entry answer = results.answer(pyramid, sample);
        csv.row(
            sample.id(),
            sample.question(),
            answer.answer(),
            String.join(" | ", sample.answers()),
            Cells.decimal(answer.score(), 2),
            drawing);
        progress.step();
      }
    }
    report.csv(name(), csv);
    Accuracy accuracy = results.accuracy(pyramid);
    report.print(
        "Figure 5: the image tokens that stay",
        new Table()
            .row("plan", "image tokens", "drawings", "right")
            .row(
                pyramid.name(),
                pyramid.keptText(),
                String.valueOf(samples.size()),
                Cells.right(accuracy)),
        List.of());
  }

  /** A file's name that no other question has: letters and digits stay, others are escaped. */
  private static String drawing(Sample sample) {
    return URLEncoder.encode(sample.id(), UTF_8) + ".png";
  }

  private void draw(Sample sample, String drawing, Report report) {
    PictureView view = model.llava().view(Picture.read(sample.picture()));
    report.image(
        drawing,
        Overlay.draw(
            List.of(view),
            model.ask(sample, pyramid.plan()).stages(),
            subject.shape().layers(),
            subject.shape().vision().patchSize()));
  }
}
