package org.pyramiddrop.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.training.LearningRateSchedule;
import org.pyramiddrop.training.TrainingOptions;
import org.pyramiddrop.training.TrainingRun;
import org.pyramiddrop.training.chart.LineChart;
import org.pyramiddrop.training.data.BadSamples;
import org.pyramiddrop.training.model.LoraSettings;
import org.pyramiddrop.training.model.ModelPart;
import org.pyramiddrop.training.model.TrainedModel;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.WeightType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Trains or fine-tunes a model. */
@Command(
    name = "train",
    description = {
      "Trains a model on conversations about images, image tokens dropped as in generate.",
      "The data is LLaVA's: a JSON array, or lines, of {\"id\": …, \"image\": NAME or [NAMES],"
          + " \"conversations\": [{\"from\": \"human\"|\"gpt\", \"value\": TEXT}, …]}, with <image>"
          + " where pictures go."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class TrainCommand implements Callable<Integer> {
  private final PrintWriter out;
  private final PrintWriter err;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "The folder of a Hugging Face checkpoint.")
  private Path model = Path.of("");

  @Mixin private VisionTowerOption visionTower = new VisionTowerOption();

  @Option(names = "--data", paramLabel = "FILE", required = true, description = "The samples.")
  private Path data = Path.of("");

  @Option(
      names = "--images",
      paramLabel = "DIR",
      description = "The folder that samples name their pictures in; that of the data.")
  private @Nullable Path images;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "A new folder for the trained model, its checkpoints and train.csv.")
  private Path folder = Path.of("");

  @Option(names = "--steps", paramLabel = "N", description = "How many steps to take.")
  private @Nullable Integer steps;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      description = "How many times to take every sample, instead of --steps; 1.")
  private @Nullable Integer epochs;

  @Option(
      names = "--batch",
      paramLabel = "B",
      description = "Samples that run together; ${DEFAULT-VALUE}.")
  private int batch = 1;

  @Option(
      names = "--accumulate",
      paramLabel = "A",
      description = "How many batches make a step; ${DEFAULT-VALUE}.")
  private int accumulate = 1;

  @Option(
      names = "--bad-samples",
      paramLabel = "stop|skip",
      converter = EnumOption.OfBadSamples.class,
      description = "What to do about a sample that can't be learnt from; stop.")
  private BadSamples badSamples = BadSamples.STOP;

  @Option(
      names = "--learning-rate",
      paramLabel = "X",
      description = "AdamW's learning rate; ${DEFAULT-VALUE}.")
  private double learningRate = 2e-5;

  @Option(
      names = "--vision-learning-rate",
      paramLabel = "X",
      description = "That of the vision tower, where it is trained; --learning-rate.")
  private @Nullable Double visionLearningRate;

  @Option(
      names = "--warm-up",
      paramLabel = "SHARE",
      description = "The share of the steps in which the learning rate rises; ${DEFAULT-VALUE}.")
  private double warmUp;

  @Option(
      names = "--schedule",
      paramLabel = "constant|cosine",
      converter = EnumOption.OfSchedule.class,
      description = "What the learning rate does after the warm-up; constant.")
  private LearningRateSchedule.Shape schedule = LearningRateSchedule.Shape.CONSTANT;

  @Option(
      names = "--weight-decay",
      paramLabel = "X",
      description = "AdamW's weight decay, of all that is trained; ${DEFAULT-VALUE}.")
  private float weightDecay;

  @Option(
      names = "--clip",
      paramLabel = "NORM",
      description = "Scale gradients down to this norm where theirs is larger; not unless given.")
  private @Nullable Double clip;

  @Option(
      names = "--train",
      paramLabel = "projector,decoder,tower",
      split = ",",
      converter = EnumOption.OfModelPart.class,
      description = "What is trained; projector and decoder.")
  private List<ModelPart> parts = List.of(ModelPart.PROJECTOR, ModelPart.DECODER);

  @Option(
      names = "--lora-rank",
      paramLabel = "R",
      description = "Of the decoder, train a LoRA of this rank instead of its own weights.")
  private @Nullable Integer loraRank;

  @Option(
      names = "--lora-alpha",
      paramLabel = "A",
      description = "What the LoRA is multiplied by, times its rank; twice the rank.")
  private @Nullable Float loraAlpha;

  @Option(
      names = "--lora-targets",
      paramLabel = "q,k,v,o,gate,up,down",
      split = ",",
      converter = EnumOption.OfLoraTarget.class,
      description = "The matrices of each layer that get a LoRA; all.")
  private @Nullable List<LoraSettings.Target> loraTargets;

  @Option(
      names = "--lora-merge",
      description = "Save the model with the LoRA merged into it, instead of an adapter for PEFT.")
  private boolean loraMerge;

  @Option(
      names = "--dtype",
      paramLabel = "auto|float32|bfloat16|float16",
      converter = EnumOption.OfWeightType.class,
      description =
          "The type that the model is saved in, and a GPU computes in; auto is the checkpoint's.")
  private WeightType dtype = WeightType.AUTO;

  @Option(
      names = "--checkpointing",
      description = "Compute layers twice instead of keeping what they made: slower, less memory.")
  private boolean checkpointing;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Decides the order of samples, and where a LoRA begins; ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--save-every",
      paramLabel = "N",
      description = "Save every N steps so that the run can go on from there; only at its end.")
  private int saveEvery;

  @Option(
      names = "--resume",
      description = "Go on with the run in --out from where it was saved last.")
  private boolean resume;

  @Option(
      names = "--log",
      paramLabel = "CSV",
      description = "A file for a line a step; train.csv in --out.")
  private @Nullable Path log;

  @Option(
      names = "--backend",
      paramLabel = "auto|cpu|cuda",
      converter = EnumOption.OfBackend.class,
      description = "What trains the model; auto takes the fastest there is.")
  private Backend backend = Backend.AUTO;

  @Mixin private PruningOptions pruning = new PruningOptions();

  TrainCommand(PrintWriter out, PrintWriter err) {
    this.out = out;
    this.err = err;
  }

  @Override
  public Integer call() {
    TrainingOptions options = options();
    LlavaConfig config = ModelFolder.config(model, visionTower.folder());
    options.model().plan().schedule(config.text().layers());
    try (TrainingProgress progress = new TrainingProgress(out, err);
        TrainingRun run = TrainingRun.open(options, progress)) {
      progress.begin(run);
      CountDownLatch ended = new CountDownLatch(1);
      AtomicBoolean signalled = new AtomicBoolean();
      Thread hook = Thread.ofPlatform().unstarted(() -> stopAndWait(run, signalled, ended));
      Runtime.getRuntime().addShutdownHook(hook);
      try {
        TrainingRun.Outcome outcome = run.run();
        if (!signalled.get()) {
          // Java's drawing can't be begun once the program is ending.
          draw(run);
        }
        progress.end(outcome, folder, run);
      } catch (RuntimeException | Error e) {
        if (signalled.get()) {
          // Once the hook is let go, the program ends before anybody else says it.
          err.println("pyramiddrop: " + ExitReason.message(e));
          err.flush();
        }
        throw e;
      } finally {
        ended.countDown();
        remove(hook);
      }
    }
    return 0;
  }

  /** The model is saved: a chart that can't be drawn fails nothing. */
  private void draw(TrainingRun run) {
    if (run.done() > 0) {
      try {
        run.drawLoss(folder.resolve("loss.png"));
      } catch (LineChart.ChartException e) {
        err.println("pyramiddrop: no chart of the loss: " + e.getMessage());
      }
    }
  }

  /** A signal ends the run behind its step, saved. */
  private static void stopAndWait(TrainingRun run, AtomicBoolean signalled, CountDownLatch ended) {
    signalled.set(true);
    run.stop();
    try {
      // Not for the thread: it ends the program, which waits for this hook.
      ended.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void remove(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException _) {
      // A signal is ending the program, and the hook has nothing left to wait for.
      return;
    }
  }

  private TrainingOptions options() {
    if (steps != null && epochs != null) {
      throw new UsageException("--epochs doesn't go with --steps");
    }
    if (visionLearningRate != null && !parts.contains(ModelPart.TOWER)) {
      throw new UsageException("--vision-learning-rate needs tower in --train");
    }
    TrainingOptions.Length length =
        new TrainingOptions.Length(
            steps == null ? OptionalInt.empty() : OptionalInt.of(steps),
            steps != null ? OptionalInt.empty() : OptionalInt.of(epochs == null ? 1 : epochs));
    Path dataFolder = data.toAbsolutePath().getParent();
    Path from = images != null ? images : dataFolder == null ? Path.of("") : dataFolder;
    return new TrainingOptions(
        new TrainingOptions.Files(model, visionTower.folder(), data, from, folder, log),
        new TrainedModel.Settings(Set.copyOf(parts), lora(), pruning.plan(), checkpointing, seed),
        length,
        new TrainingOptions.Batch(batch, accumulate, badSamples),
        new TrainingOptions.Optimizer(
            learningRate,
            visionLearningRate,
            schedule,
            warmUp,
            weightDecay,
            clip == null ? Double.POSITIVE_INFINITY : clip),
        new TrainingOptions.DeviceOptions(
            backend, Runtime.getRuntime().availableProcessors(), dtype.converted()),
        new TrainingOptions.Saving(saveEvery, resume, loraMerge));
  }

  private Optional<LoraSettings> lora() {
    if (loraRank == null) {
      for (Object other : new @Nullable Object[] {loraAlpha, loraTargets}) {
        if (other != null) {
          throw new UsageException("--lora-alpha and --lora-targets need --lora-rank");
        }
      }
      if (loraMerge) {
        throw new UsageException("--lora-merge needs --lora-rank");
      }
      return Optional.empty();
    }
    Set<LoraSettings.Target> targets =
        loraTargets == null
            ? EnumSet.allOf(LoraSettings.Target.class)
            : EnumSet.copyOf(loraTargets);
    return Optional.of(
        new LoraSettings(loraRank, loraAlpha == null ? 2f * loraRank : loraAlpha, targets));
  }
}
