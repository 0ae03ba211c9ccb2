package org.pyramiddrop.training;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.loader.FileAccess;
import org.pyramiddrop.loader.ModelFiles;
import org.pyramiddrop.training.chart.LineChart;
import org.pyramiddrop.training.data.ConversationEncoder;
import org.pyramiddrop.training.data.TrainingData;
import org.pyramiddrop.training.model.ModelPart;
import org.pyramiddrop.training.model.Optimizer;
import org.pyramiddrop.training.model.TrainedModel;
import org.pyramiddrop.training.model.TrainedSample;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.WeightStore;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * Trains a model from its options to the folder that is saved.
 *
 * <p>What a run comes to is a function of its options, checkpoint and data: a run that was stopped
 * and goes on saves the same bits as one that was not.
 */
public final class TrainingRun implements AutoCloseable {
  private static final String CPU = "cpu";

  private final TrainingOptions options;
  private final TrainingListener listener;
  private final ModelFiles files;
  private final StepSamples samples;
  private final TrainedModel model;
  private final Optimizer optimizer;
  private final LearningRateSchedule schedule;
  private final Schedule plan;
  private final RunFolder folder;
  private final StepLog log;
  private final String device;
  private final int steps;
  private final Resources owned = new Resources();
  private int done;

  /** Whether the parameters are those of the last step that is done, and worth saving. */
  private boolean intact = true;

  private volatile boolean stopped;

  /** How a run ended. */
  public enum Outcome {
    /** All steps are done, and the result is saved. */
    FINISHED,
    /** It was stopped, and is saved so that it can go on. */
    STOPPED
  }

  private TrainingRun(TrainingOptions options, TrainingListener listener) {
    this.options = options;
    this.listener = listener;
    try {
      TrainingOptions.Files paths = options.files();
      Path log = paths.log() == null ? paths.out().resolve(RunFolder.LOG) : paths.log();
      owned.add(RunFolder.lock(paths.out()));
      RunFolder.check(options);
      files = owned.add(ModelFiles.open(paths.model(), paths.visionTower(), FileAccess.MAPPED));
      plan = options.model().plan().schedule(files.config().text().layers());
      TrainingData data =
          owned.add(
              TrainingData.open(
                  paths.data(),
                  paths.images(),
                  files.chatTemplate(),
                  options.batch().badSamples(),
                  listener::skipped));
      samples =
          new StepSamples(
              data,
              ConversationEncoder.of(paths.model(), files.config(), files.tokenizer()),
              files.imageProcessor(),
              files.config(),
              options.batch(),
              options.model().seed());
      steps =
          options
              .length()
              .steps()
              .orElseGet(() ->
                  Math.multiplyExact(
                      options.length().epochs().orElseThrow(), samples.stepsPerEpoch()));
      schedule =
          LearningRateSchedule.of(options.optimizer().shape(), options.optimizer().warmUp(), steps);
      String name = options.device().backend().trainingDevice();
      Kernels kernels = owned.add(open(name));
      device = kernels.description();
      model =
          owned.add(
              TrainedModel.load(
                  files.description(),
                  files.checkpoint(),
                  files.towerCheckpoint(),
                  kernels,
                  options.model()));
      optimizer =
          new Optimizer(
              kernels.gradients(),
              model.parameters(),
              Optimizer.Settings.withWeightDecay(options.optimizer().weightDecay()),
              options.optimizer().clip());
      folder = new RunFolder(options, files, model, options.settings(name, data.checksum()));
      done = folder.begin();
      this.log = owned.add(StepLog.open(log, done));
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  /**
   * Gets a run ready: reads the model, checks the data, and goes back to where an earlier run
   * stopped if that is asked.
   *
   * @throws IllegalArgumentException if the options don't fit the model, the data or the run that
   *     is to go on
   * @throws org.pyramiddrop.loader.CheckpointException if the model can't be read
   * @throws org.pyramiddrop.loader.ChatTemplateException if its chat template is missing or unknown
   * @throws org.pyramiddrop.kernels.DeviceException if the device can't be had
   * @throws TrainingException if the folder can't be written
   */
  public static TrainingRun open(TrainingOptions options, TrainingListener listener) {
    return new TrainingRun(options, listener);
  }

  private Kernels open(String name) {
    DType dtype =
        options
            .device()
            .dtype()
            .orElseGet(
                () -> WeightStore.activations(files.checkpoint(), files.description().decoder()));
    if (dtype == DType.FLOAT16 && !name.equals(CPU)) {
      // Gradients as small as a loss over many tokens has would be lost in it.
      throw new IllegalArgumentException(
          "a GPU can't train in float16, whose smallest numbers are too large for gradients; give"
              + " --dtype bfloat16");
    }
    return Devices.open(name, options.device().threads(), dtype);
  }

  /** The device in words. */
  public String device() {
    return device;
  }

  /** Steps of the whole run. */
  public int steps() {
    return steps;
  }

  /** Steps that are done. */
  public int done() {
    return done;
  }

  /** Numbers that are trained. */
  public long trainedNumbers() {
    return model.parameters().stream()
        .mapToLong(each -> (long) each.parameter().rows() * each.parameter().columns())
        .sum();
  }

  /** Ends the run behind the step that it is in; any thread may call this. */
  public void stop() {
    stopped = true;
  }

  /**
   * Runs all steps that are left, and saves.
   *
   * @throws TrainingException if a sample can't be learnt from and isn't to be skipped, the loss is
   *     no number, or something can't be saved; the steps that were done are saved if they can be,
   *     and what was saved before is left whole
   */
  public Outcome run() {
    try (ExecutorService reader =
        Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().factory())) {
      takeSteps(reader);
    } catch (RuntimeException | OutOfMemoryError e) {
      throw savedAfter(e);
    }
    if (done < steps) {
      save();
      return Outcome.STOPPED;
    }
    folder.finish(done);
    return Outcome.FINISHED;
  }

  private void takeSteps(ExecutorService reader) {
    @Nullable Future<List<TrainedSample>> next = null;
    while (done < steps && !stopped) {
      int step = done + 1;
      List<TrainedSample> now = next == null ? samples.of(step, listener::skipped) : waitFor(next);
      next = step < steps ? reader.submit(() -> samples.of(step + 1, listener::skipped)) : null;
      StepResult result = step(step, now);
      done = step;
      intact = true;
      log.add(result);
      listener.step(result, steps);
      int every = options.saving().every();
      if (every > 0 && step % every == 0 && step < steps && !stopped) {
        save();
      }
    }
  }

  /** Keeps the steps that are done before a failure ends the run, if the parameters are theirs. */
  private RuntimeException savedAfter(Throwable failure) {
    if (intact) {
      try {
        save();
      } catch (RuntimeException | OutOfMemoryError again) {
        failure.addSuppressed(again);
      }
    }
    return new TrainingException(said(failure) + folder.lastSaved(), failure);
  }

  private static String said(Throwable failure) {
    return failure instanceof OutOfMemoryError
        ? "not enough memory (%s); a smaller --batch with a larger --accumulate takes less, and so does --checkpointing"
            .formatted(failure.getMessage())
        : String.valueOf(failure.getMessage());
  }

  private static List<TrainedSample> waitFor(Future<List<TrainedSample>> samples) {
    try {
      return samples.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new TrainingException("interrupted while samples were read", e);
    }
  }

  private StepResult step(int step, List<TrainedSample> all) {
    long start = System.nanoTime();
    int answerTokens = all.stream().mapToInt(TrainedSample::answerTokens).sum();
    int imageTokens = all.stream().mapToInt(TrainedSample::imageTokens).sum();
    int size = options.batch().size();
    optimizer.clearGradients();
    double sum = 0;
    for (int first = 0; first < all.size(); first += size) {
      sum +=
          model.lossAndGradient(
              all.subList(first, Math.min(first + size, all.size())),
              files.config().imageTokenId(),
              1f / answerTokens);
    }
    double loss = sum / answerTokens;
    double norm = optimizer.gradientNorm();
    // What has diverged doesn't take the place of what was saved before.
    intact = Double.isFinite(loss) && Double.isFinite(norm);
    if (!intact) {
      throw new TrainingException(
          "step %d: the loss is %s and its gradient's norm %s; lower --learning-rate, or clip"
              .formatted(step, loss, norm));
    }
    double factor = schedule.factor(step);
    double rate = factor * options.optimizer().learningRate();
    double visionRate =
        Optional.ofNullable(options.optimizer().visionLearningRate())
            .map(own -> factor * own)
            .orElse(rate);
    intact = false;
    optimizer.step(step, norm, part -> (float) (part == ModelPart.TOWER ? visionRate : rate));
    return new StepResult(
        step,
        loss,
        norm,
        rate,
        answerTokens,
        imageTokens,
        all.stream().mapToInt(each -> each.ids().length - each.layouts().size()).sum(),
        stageImageTokens(all),
        (System.nanoTime() - start) / 1e9);
  }

  private List<Integer> stageImageTokens(List<TrainedSample> all) {
    int[] stages = new int[plan.stages()];
    for (TrainedSample sample : all) {
      sample
          .layouts()
          .forEach(layout -> {
            int[] counts = plan.counts(layout.tokens());
            for (int stage = 0; stage < stages.length; stage++) {
              stages[stage] += counts[stage];
            }
          });
    }
    return IntStream.of(stages).boxed().toList();
  }

  private void save() {
    log.force();
    if (folder.save(done)) {
      listener.saved(folder.path(), done);
    }
  }

  /**
   * Draws the loss of every step so far.
   *
   * @throws LineChart.ChartException if the file can't be written, or this machine has no font
   */
  public void drawLoss(Path png) {
    List<LineChart.Point> points = new ArrayList<>();
    for (double loss : log.losses()) {
      points.add(new LineChart.Point(points.size() + 1, loss));
    }
    new LineChart("Training loss", "step", "mean cross entropy of answers' tokens")
        .line("loss", points)
        .write(png);
  }

  @Override
  public void close() {
    owned.close();
  }
}
