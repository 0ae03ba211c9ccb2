package org.pyramiddrop.bench.accuracy.experiment;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.accuracy.experiment.TrainingRounds.Trained;
import org.pyramiddrop.bench.report.JsonFile;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Tokenizer;
import org.pyramiddrop.training.StepSamples;
import org.pyramiddrop.training.TrainingOptions.Batch;
import org.pyramiddrop.training.data.BadSamples;
import org.pyramiddrop.training.data.ConversationEncoder;
import org.pyramiddrop.training.data.TrainingData;
import org.pyramiddrop.transformer.Backend;
import picocli.CommandLine.Option;

/** The options that say how experiments train, and the training. */
final class ExperimentTraining {
  private static final String HALF_TRAINED = "half-trained";

  @Option(names = "--training", paramLabel = "FILE")
  private Path samples = Path.of("models", "scenes", "training", "samples.json");

  @Option(names = "--steps", paramLabel = "N")
  private int steps = 300;

  @Option(names = "--batch", paramLabel = "B")
  private int batch = 16;

  @Option(names = "--learning-rate", paramLabel = "X")
  private double learningRate = 1e-3;

  @Option(names = "--noise", paramLabel = "X")
  private double noise = 0.5;

  @Option(names = "--training-seed", paramLabel = "N")
  private long seed = 1;

  /**
   * Models that were trained.
   *
   * @param facts what they depend on
   * @param trained one a plan
   */
  record Done(Path folder, Map<String, String> facts, List<Trained> trained) {
    Path folder(Variant variant) {
      return folder.resolve(variant.name().replaceAll("[^A-Za-z0-9.]+", "-"));
    }

    /** The state that all began from. */
    Path halfTrained() {
      return folder.resolve(HALF_TRAINED);
    }

    Trained trained(Variant variant) {
      return trained.stream()
          .filter(each -> each.plan().equals(variant.name()))
          .findFirst()
          .orElseThrow();
    }

    String setting() {
      return "trained: "
          + String.join(
              "; ",
              facts.entrySet().stream()
                  .map(fact -> fact.getKey() + " " + fact.getValue())
                  .toList());
    }
  }

  /** What lies in the file. */
  private record Kept(Map<String, String> facts, List<Trained> trained) {}

  /** Trains a model once a plan, unless that is done already. */
  Done train(
      Path model,
      List<Variant> variants,
      Path folder,
      Backend backend,
      int threads,
      boolean fresh) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("steps", String.valueOf(steps));
    facts.put("samples a step", String.valueOf(batch));
    facts.put("learning rate", String.valueOf(learningRate));
    facts.put("noise", String.valueOf(noise));
    facts.put("seed", String.valueOf(seed));
    facts.put("from model", Fingerprint.model(model));
    facts.put("by code", Fingerprint.code());
    Path file = folder.resolve("trained.json");
    if (Files.exists(file) && !fresh) {
      Kept kept = JsonFile.read(file, Kept.class, "bench experiment");
      if (kept.facts.equals(facts)) {
        return new Done(folder, facts, kept.trained);
      }
      throw new IllegalArgumentException(
          file + " is of other settings or code; --fresh trains anew, another --out keeps both");
    }
    TrainingRounds.Settings settings =
        new TrainingRounds.Settings(steps, batch, learningRate, noise, seed);
    LlavaConfig config = LlavaConfig.read(model);
    String device = backend.trainingDevice();
    Path parent = samples.toAbsolutePath().getParent();
    try (TrainingData data =
            TrainingData.open(
                samples,
                parent == null ? Path.of("") : parent,
                ChatTemplate.read(model),
                BadSamples.STOP,
                _ -> {});
        Tokenizer tokenizer = Tokenizer.open(model);
        TrainingRounds rounds =
            new TrainingRounds(
                model, variants, () -> Devices.open(device, threads, DType.FLOAT32), settings)) {
      StepSamples steps =
          new StepSamples(
              data,
              ConversationEncoder.of(model, config, tokenizer),
              ImageProcessor.read(model, config),
              config,
              new Batch(batch, 1, BadSamples.STOP),
              seed);
      rounds.save(variants.getFirst(), folder.resolve(HALF_TRAINED));
      List<Trained> trained = rounds.train(steps, settings);
      Done done = new Done(folder, facts, trained);
      variants.forEach(variant -> rounds.save(variant, done.folder(variant)));
      JsonFile.write(file, new Kept(facts, trained));
      return done;
    }
  }
}
