package org.pyramiddrop.bench.accuracy.experiment;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import org.pyramiddrop.bench.model.TimedTraining;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.bench.report.Progress;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Parameter;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.training.StepSamples;
import org.pyramiddrop.training.files.ModelFolderWriter;
import org.pyramiddrop.training.model.ModelPart;
import org.pyramiddrop.training.model.NamedParameter;
import org.pyramiddrop.training.model.TrainedModel;
import org.pyramiddrop.training.model.TrainedSample;
import org.pyramiddrop.transformer.engine.Resources;

/**
 * Trains one model under several plans from the same half-trained state, with the same samples in
 * the same steps. All take each step in turn, begun by another one than the step before, so that
 * the machine's mood falls on all alike.
 */
final class TrainingRounds implements AutoCloseable {
  /** Steps at the end whose mean loss is told. */
  private static final int LAST = 20;

  /** Steps at the beginning whose times don't count. */
  private static final int WARM_UP = 5;

  private final LlavaConfig config;
  private final Checkpoint checkpoint;
  private final Resources owned = new Resources();
  private final List<Side> sides = new ArrayList<>();

  /**
   * How models are trained.
   *
   * @param noise that makes the state half-trained: so many times a matrix's own root mean square
   *     is added to it, normally distributed
   */
  record Settings(int steps, int batch, double learningRate, double noise, long seed) {}

  /**
   * What training under a plan came to.
   *
   * @param stepMillis of a step
   * @param timesAsFast as the first side's, step by step
   * @param flops of all steps
   * @param loss the mean over the last steps
   */
  record Trained(String plan, Spread stepMillis, Spread timesAsFast, double flops, double loss) {}

  private static final class Side {
    final Variant variant;
    final TrainedModel model;
    final TimedTraining training;
    final List<Double> millis = new ArrayList<>();
    final List<Double> losses = new ArrayList<>();
    double flops;

    Side(Variant variant, TrainedModel model, TimedTraining training) {
      this.variant = variant;
      this.model = model;
      this.training = training;
    }
  }

  /** Loads the model once a plan, and takes it back to the half-trained state. */
  TrainingRounds(Path model, List<Variant> variants, Supplier<Kernels> device, Settings settings) {
    config = LlavaConfig.read(model);
    try {
      checkpoint = owned.add(Checkpoint.open(model));
      Kernels kernels = owned.add(device.get());
      ModelDescription description = ModelDescription.of(config, checkpoint, checkpoint);
      for (Variant variant : variants) {
        TrainedModel.Settings trained =
            new TrainedModel.Settings(
                Set.of(ModelPart.PROJECTOR, ModelPart.DECODER),
                Optional.empty(),
                variant.plan(),
                false,
                settings.seed);
        TrainedModel loaded =
            owned.add(TrainedModel.load(description, checkpoint, checkpoint, kernels, trained));
        unlearn(loaded, settings);
        sides.add(
            new Side(variant, loaded, new TimedTraining(loaded, config, settings.learningRate)));
      }
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  private static void unlearn(TrainedModel model, Settings settings) {
    GradientKernels gradients = model.device().gradients();
    for (NamedParameter each : model.parameters()) {
      float[] values = gradients.download(each.parameter(), Parameter.Content.VALUE);
      double squares = 0;
      for (float value : values) {
        squares += (double) value * value;
      }
      double scale = settings.noise * Math.sqrt(squares / values.length);
      Random random = new Random(31 * settings.seed + each.name().hashCode());
      for (int i = 0; i < values.length; i++) {
        values[i] += (float) (scale * random.nextGaussian());
      }
      gradients.upload(values, each.parameter(), Parameter.Content.VALUE);
    }
  }

  /** Takes all steps. */
  List<Trained> train(StepSamples samples, Settings settings) {
    try (Progress progress = new Progress("training", settings.steps)) {
      for (int step = 1; step <= settings.steps; step++) {
        List<TrainedSample> taken = samples.of(step, _ -> {});
        for (int i = 0; i < sides.size(); i++) {
          step(sides.get((step + i) % sides.size()), taken);
        }
        progress.step();
      }
    }
    List<Double> first = counted(sides.getFirst());
    return sides.stream()
        .map(side ->
            new Trained(
                side.variant.name(),
                Spread.of(counted(side)),
                Spread.ofRatios(first, counted(side)),
                side.flops,
                side.losses.stream()
                    .skip(Math.max(0, side.losses.size() - LAST))
                    .mapToDouble(Double::doubleValue)
                    .average()
                    .orElseThrow()))
        .toList();
  }

  private static List<Double> counted(Side side) {
    return side.millis.subList(Math.min(WARM_UP, side.millis.size() - 1), side.millis.size());
  }

  private void step(Side side, List<TrainedSample> samples) {
    side.millis.add(side.training.millis(samples));
    side.losses.add(side.training.loss());
    side.flops += TimedTraining.flops(config, samples, side.variant.plan(), true);
  }

  /** Saves the model that was trained under a plan. */
  void save(Variant variant, Path folder) {
    Side side =
        sides.stream().filter(each -> each.variant.equals(variant)).findFirst().orElseThrow();
    GradientKernels gradients = side.model.device().gradients();
    Map<String, Supplier<float[]>> values = new HashMap<>();
    for (NamedParameter each : side.model.parameters()) {
      values.put(each.name(), () -> gradients.download(each.parameter(), Parameter.Content.VALUE));
    }
    try {
      ModelFolderWriter.write(checkpoint, folder, values, Optional.of(DType.FLOAT32));
    } catch (IOException e) {
      throw OutputFile.failed(folder, e);
    }
  }

  @Override
  public void close() {
    owned.close();
  }
}
