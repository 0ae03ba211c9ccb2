package org.pyramiddrop.bench.accuracy.experiment;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.accuracy.dataset.Dataset;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.bench.report.Progress;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.TokenLogit;
import org.pyramiddrop.transformer.WeightFormat;

/** What a model loses whose decoder's matrices are held in few bits, without drops and with. */
final class WeightTable {
  /** What it is called. */
  static final String NAME = "weights";

  /** A plan's answers with weights of one format, beside those with weights as they are stored. */
  private record Row(
      WeightFormat format,
      Variant variant,
      Accuracy accuracy,
      double divergence,
      double sameAnswer,
      double sameTokens) {
    String formatName() {
      return format.name().toLowerCase(Locale.ROOT);
    }
  }

  private WeightTable() {}

  /**
   * Asks every question with weights of every format.
   *
   * @param model loads the model with weights of a format
   */
  static void report(
      Function<WeightFormat, Llava> model,
      List<Variant> variants,
      Dataset dataset,
      int maxTokens,
      Report report) {
    List<List<Answer>> stored = new ArrayList<>();
    List<Row> rows = new ArrayList<>();
    int asks = WeightFormat.values().length * variants.size() * dataset.samples().size();
    try (Progress progress = new Progress(NAME, asks)) {
      for (WeightFormat format : WeightFormat.values()) {
        try (Llava llava = model.apply(format)) {
          for (int v = 0; v < variants.size(); v++) {
            List<Answer> answers = new ArrayList<>();
            for (Sample sample : dataset.samples()) {
              answers.add(ask(llava, dataset, sample, variants.get(v), maxTokens));
              progress.step();
            }
            if (format == WeightFormat.STORED) {
              stored.add(answers);
            }
            rows.add(row(format, variants.get(v), dataset, answers, stored.get(v)));
          }
        }
      }
    }
    Table<Row> table = table(rows);
    report.csv(NAME, table);
    report.table(NAME, table);
  }

  private static Answer ask(
      Llava llava, Dataset dataset, Sample sample, Variant variant, int maxTokens) {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException("interrupted between two questions");
    }
    Options options =
        Options.defaults()
            .withPruning(variant.plan())
            .withMaxTokens(maxTokens)
            .withTopLogits(llava.config().text().vocabSize());
    return llava.ask(Question.of(sample.question() + dataset.suffix(), sample.image()), options);
  }

  private static Row row(
      WeightFormat format,
      Variant variant,
      Dataset dataset,
      List<Answer> answers,
      List<Answer> stored) {
    double right = 0;
    double divergence = 0;
    double same = 0;
    double kept = 0;
    int count = answers.size();
    for (int i = 0; i < count; i++) {
      Answer answer = answers.get(i);
      Answer before = stored.get(i);
      List<String> accepted = dataset.samples().get(i).answers();
      right += dataset.metric().score(answer.text(), accepted);
      divergence += divergence(before, answer);
      same += answer.tokenIds().equals(before.tokenIds()) ? 1 : 0;
      kept += sameTokens(before, answer);
    }
    return new Row(
        format,
        variant,
        new Accuracy(right, count),
        divergence / count,
        same / count,
        kept / count);
  }

  /** Kullback and Leibler's of the first step's probabilities from those before, in nats. */
  static double divergence(Answer before, Answer now) {
    double[] p = logProbabilities(before);
    double[] q = logProbabilities(now);
    return IntStream.range(0, p.length).mapToDouble(i -> Math.exp(p[i]) * (p[i] - q[i])).sum();
  }

  private static double[] logProbabilities(Answer answer) {
    double most = answer.logits().getFirst().value();
    double sum =
        answer.logits().stream().mapToDouble(logit -> Math.exp(logit.value() - most)).sum();
    double[] all = new double[answer.logits().size()];
    for (TokenLogit logit : answer.logits()) {
      all[logit.id()] = logit.value() - most - Math.log(sum);
    }
    return all;
  }

  /** The share of the image tokens in the last stage that were there before, too. */
  private static double sameTokens(Answer before, Answer now) {
    int common = 0;
    int all = 0;
    List<List<Integer>> last = before.stages().getLast().kept();
    for (int image = 0; image < last.size(); image++) {
      Set<Integer> kept = new HashSet<>(last.get(image));
      all += kept.size();
      kept.retainAll(now.stages().getLast().kept().get(image));
      common += kept.size();
    }
    return all == 0 ? 1 : (double) common / all;
  }

  private static Table<Row> table(List<Row> rows) {
    return new Table<>("What weights of few bits lose", rows)
        .column("weights", Row::formatName)
        .column("plan", row -> row.variant.name())
        .column("right", Row::accuracy)
        .column("accuracy", row -> row.accuracy.percent())
        .column("95 % interval", row -> row.accuracy.interval())
        .decimal("divergence", Row::divergence, 5)
        .column("same answers", row -> Format.percent(row.sameAnswer))
        .column("same tokens kept", row -> Format.percent(row.sameTokens))
        .note(
            "int8 and int4: the decoder layers' matrices, and the output head in int8, in blocks of 32."
                + " fp8: both in 8-bit floats with a scale a row."
                + " Against weights as they are stored, under the same plan: the Kullback-Leibler"
                + " divergence of the first answered token's probabilities in nats, answers that are the"
                + " same token by token, image tokens of the last stage that are the same.");
  }
}
