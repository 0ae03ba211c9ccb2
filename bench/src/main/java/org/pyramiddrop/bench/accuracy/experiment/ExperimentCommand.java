package org.pyramiddrop.bench.accuracy.experiment;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.accuracy.dataset.Dataset;
import org.pyramiddrop.bench.accuracy.dataset.DatasetFormat;
import org.pyramiddrop.bench.accuracy.dataset.Metric;
import org.pyramiddrop.bench.report.BenchCommand;
import org.pyramiddrop.bench.report.Machine;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.LoadOptions;
import org.pyramiddrop.transformer.WeightType;
import org.pyramiddrop.transformer.pruning.ModelShape;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Redoes the paper's experiments. Answers are kept as they come; the same command goes on where an
 * interrupted one stopped, but trains anew what was not trained to the end.
 */
@Command(
    name = "experiment",
    mixinStandardHelpOptions = true,
    description = "Redoes the paper's figures and tables on a dataset of questions.")
public final class ExperimentCommand extends BenchCommand {
  private static final int FAILED = 1;

  @Parameters(
      paramLabel = "NAME",
      description =
          "figure-1 (which has figure 3's axes), attention, figure-4, budget, figure-5, table-4-untrained,"
              + " table-5 or all of these; weights, which holds the decoder's matrices in 8 and 4 bits;"
              + " table-1 to table-4, which train models first")
  private String name = "";

  @Option(names = "--model", required = true)
  private Path model = Path.of("");

  @Option(names = "--data", required = true)
  private Path data = Path.of("");

  @Option(names = "--format")
  private DatasetFormat format = DatasetFormat.AUTO;

  @Option(names = "--images")
  private @Nullable Path images;

  @Option(names = "--metric")
  private @Nullable Metric metric;

  @Option(names = "--out")
  private @Nullable Path folder;

  @Option(names = "--limit")
  private @Nullable Integer limit;

  @Option(names = "--seed")
  private long seed = 1;

  @Option(names = "--fresh")
  private boolean fresh;

  @Option(names = "--threads")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--backend")
  private Backend backend = Backend.AUTO;

  @Option(names = "--dtype")
  private WeightType dtype = WeightType.AUTO;

  @Option(names = "--max-tokens")
  private @Nullable Integer maxTokens;

  @Option(names = "--warm-up")
  private double warmUp = 3;

  @Mixin private ExperimentOptions options = new ExperimentOptions();

  @Mixin private ExperimentTraining training = new ExperimentTraining();

  @Override
  public Integer call() {
    if (!(warmUp >= 0)) {
      throw new IllegalArgumentException("--warm-up must not be negative, got " + warmUp);
    }
    Dataset dataset = dataset();
    if (TrainingTables.NAMES.contains(name)) {
      return trained(dataset, Machine.here()) ? 0 : FAILED;
    }
    if (name.equals(WeightTable.NAME)) {
      return weights(dataset) ? 0 : FAILED;
    }
    try (Llava llava = Llava.load(model, new LoadOptions(backend, dtype, threads))) {
      return run(dataset, llava, Machine.here()) ? 0 : FAILED;
    } catch (CancellationException _) {
      err().println("bench: interrupted; the same command goes on from here");
      return FAILED;
    }
  }

  private Path results(Dataset dataset) {
    return folder == null ? Path.of("bench", "target", "experiments", dataset.name()) : folder;
  }

  /** Asks the model with weights of each format; not resumed, since it takes a minute. */
  private boolean weights(Dataset dataset) {
    ModelPlans plans = ModelPlans.of(ModelShape.of(LlavaConfig.read(model)));
    LoadOptions options = new LoadOptions(backend, dtype, threads);
    List<String> source = new ArrayList<>();
    try (Llava llava = Llava.load(model, options)) {
      source.addAll(source(dataset, llava, Machine.here()));
    }
    Report report = new Report(results(dataset), out(), source);
    WeightTable.report(
        format -> Llava.load(model, options.withWeights(format)),
        List.of(plans.vanilla(), plans.pyramid(0.5)),
        dataset,
        maxTokens(dataset),
        report);
    return report.finish();
  }

  /** Trains models, asks them, and reports what the paper's tables compare. */
  private boolean trained(Dataset dataset, Machine machine) {
    Path results = results(dataset);
    ModelPlans plans = ModelPlans.of(ModelShape.of(LlavaConfig.read(model)));
    List<Variant> variants =
        List.of(plans.vanilla(), plans.pyramid(0.4), plans.pyramid(0.5), plans.pyramid(0.6));
    ExperimentTraining.Done done =
        training.train(model, variants, results.resolve("trained"), backend, threads, fresh);
    int fastVLayer = plans.scaled(2);
    List<Variant> asked = new ArrayList<>(variants);
    asked.add(plans.halvingFastV(fastVLayer));
    List<TrainingTables.Model> models = new ArrayList<>();
    Asked before = ask(done.halfTrained(), dataset, List.of(plans.vanilla()), machine);
    Asked last = before;
    for (Variant variant : variants) {
      last = ask(done.folder(variant), dataset, asked, machine);
      models.add(new TrainingTables.Model(done.trained(variant), variant, last.results));
    }
    List<String> source = new ArrayList<>(last.source);
    source.add(done.setting());
    Report report = new Report(results, out(), source);
    new TrainingTables(before.results.accuracy(plans.vanilla()), models)
        .report(name, plans, fastVLayer, report);
    return report.finish();
  }

  /** What a trained model answered, and where that comes from. */
  private record Asked(Results results, List<String> source) {}

  private Asked ask(Path trained, Dataset dataset, List<Variant> asked, Machine machine) {
    try (Llava llava = Llava.load(trained, new LoadOptions(backend, dtype, threads))) {
      ModelAnswers answers = new ModelAnswers(llava, dataset.suffix(), maxTokens(dataset));
      Path file = trained.resolveSibling(trained.getFileName() + ".jsonl");
      try (Journal journal = Journal.open(file, facts(trained, dataset, llava, machine), fresh)) {
        new Evaluation(dataset, answers::ask, journal, Duration.ZERO)
            .run(String.valueOf(trained.getFileName()), asked, false);
        return new Asked(new Results(dataset, journal), source(dataset, llava, machine));
      }
    }
  }

  private boolean run(Dataset dataset, Llava llava, Machine machine) {
    ModelPlans plans = ModelPlans.of(ModelShape.of(llava.config()));
    ModelAnswers answers = new ModelAnswers(llava, dataset.suffix(), maxTokens(dataset));
    List<Experiment> experiments = options.named(name, plans, answers, dataset);
    Path results = results(dataset);
    Report report = new Report(results, out(), source(dataset, llava, machine));
    try (Journal journal =
        Journal.open(
            results.resolve("answers.jsonl"), facts(model, dataset, llava, machine), fresh)) {
      Duration untilTimed = Duration.ofMillis(Math.round(1000 * warmUp));
      Evaluation evaluation = new Evaluation(dataset, answers::ask, journal, untilTimed);
      if (journal.isNew()) {
        report.deleteImages(Figure5.FOLDER);
      }
      for (Experiment experiment : experiments) {
        evaluation.run(experiment.name(), experiment.variants(), experiment.timed());
        experiment.report(new Results(dataset, journal), report);
      }
    }
    return report.finish();
  }

  private Dataset dataset() {
    Dataset all = Dataset.read(data, format, images);
    Dataset scored = metric == null ? all : all.withMetric(metric);
    return limit == null ? scored : scored.first(limit, seed);
  }

  /** Numbers and names in open answers take a token a character. */
  private int maxTokens(Dataset dataset) {
    return maxTokens != null ? maxTokens : dataset.metric() == Metric.EXACT_MATCH ? 8 : 128;
  }

  /** What answers and their times depend on. */
  private Map<String, String> facts(Path asked, Dataset dataset, Llava llava, Machine machine) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("model", Fingerprint.model(asked));
    facts.put("dataset", dataset.name());
    facts.put("limit", limit == null ? "none" : limit + " by seed " + seed);
    facts.put("choice of questions", Fingerprint.dataset(dataset));
    facts.put("metric", dataset.metric().label());
    facts.put("longest answer", maxTokens(dataset) + " tokens");
    facts.put("device", llava.device());
    facts.put("dtype", llava.dtype());
    facts.put("number of threads", String.valueOf(threads));
    facts.put("machine", machine.processor());
    facts.put("warm-up", warmUp + " s");
    facts.put("code", Fingerprint.code());
    return facts;
  }

  private List<String> source(Dataset dataset, Llava llava, Machine machine) {
    return List.of(
        "%s: %d questions, %s"
            .formatted(dataset.name(), dataset.samples().size(), dataset.metric().label()),
        "%s: %s, %s".formatted(model, llava.device(), llava.dtype()),
        machine.toString(),
        given());
  }
}
