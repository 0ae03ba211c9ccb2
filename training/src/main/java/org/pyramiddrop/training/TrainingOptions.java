package org.pyramiddrop.training;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.training.data.BadSamples;
import org.pyramiddrop.training.model.TrainedModel;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.pruning.Cut;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * What a run trains, on what, and how.
 *
 * @param files where everything is
 * @param model what is trained of it, and where image tokens are dropped
 * @param length how long it is
 * @param batch what a step takes
 * @param optimizer how a step changes the parameters
 * @param device what it runs on
 * @param saving when it saves, and as what
 */
public record TrainingOptions(
    Files files,
    TrainedModel.Settings model,
    Length length,
    Batch batch,
    Optimizer optimizer,
    DeviceOptions device,
    Saving saving) {

  /**
   * Files and folders.
   *
   * @param model the checkpoint's folder
   * @param visionTower the folder of a vision tower that isn't in it; null if it is
   * @param data samples, as LLaVA has them
   * @param images the folder that their images lie in
   * @param out the folder for the result
   * @param log a CSV file with a line for each step; null for {@code train.csv} in {@code out}
   */
  public record Files(
      Path model,
      @Nullable Path visionTower,
      Path data,
      Path images,
      Path out,
      @Nullable Path log) {}

  /**
   * The length of a run: in steps, or in epochs, of which each takes every sample once.
   *
   * @param steps at least 1, or empty
   * @param epochs at least 1, or empty
   */
  public record Length(OptionalInt steps, OptionalInt epochs) {
    /** Refuses both and neither. */
    public Length {
      if (steps.isPresent() == epochs.isPresent()) {
        throw new IllegalArgumentException("say how long to train: steps or epochs");
      }
      if (steps.orElse(1) < 1 || epochs.orElse(1) < 1) {
        throw new IllegalArgumentException("a run must have at least 1 step or epoch");
      }
    }

    /** A run of so many steps. */
    public static Length ofSteps(int steps) {
      return new Length(OptionalInt.of(steps), OptionalInt.empty());
    }

    /** A run of so many epochs. */
    public static Length ofEpochs(int epochs) {
      return new Length(OptionalInt.empty(), OptionalInt.of(epochs));
    }
  }

  /**
   * Samples of a step.
   *
   * @param size how many run together
   * @param accumulate how many times that many, one after the other, make a step
   * @param badSamples what to do about a sample that can't be learnt from
   */
  public record Batch(int size, int accumulate, BadSamples badSamples) {
    /** Refuses counts below 1. */
    public Batch {
      if (size < 1 || accumulate < 1) {
        throw new IllegalArgumentException(
            "a batch and what is accumulated must be at least 1, not %d and %d"
                .formatted(size, accumulate));
      }
      Math.multiplyExact(size, accumulate);
    }

    int samples() {
      return size * accumulate;
    }
  }

  /**
   * AdamW and its learning rate.
   *
   * @param learningRate at the schedule's height
   * @param visionLearningRate the vision tower's; null for the same
   * @param shape of the schedule behind the warm-up
   * @param warmUp share of the steps, in [0, 1]
   * @param weightDecay as AdamW has it, of all parameters
   * @param clip the norm that gradients are scaled down to; infinity for never
   */
  public record Optimizer(
      double learningRate,
      @Nullable Double visionLearningRate,
      LearningRateSchedule.Shape shape,
      double warmUp,
      float weightDecay,
      double clip) {
    /** Refuses what is out of range. */
    public Optimizer {
      positive("the learning rate", learningRate);
      if (visionLearningRate != null) {
        positive("the vision tower's learning rate", visionLearningRate);
      }
      if (!(warmUp >= 0 && warmUp <= 1)) {
        throw new IllegalArgumentException(
            "the warm-up is a share of the steps, from 0 to 1, not " + warmUp);
      }
      if (!(weightDecay >= 0) || Float.isInfinite(weightDecay)) {
        throw new IllegalArgumentException("weight decay must be 0 or more, not " + weightDecay);
      }
      if (!(clip > 0)) {
        throw new IllegalArgumentException("a norm to clip to must be above 0, not " + clip);
      }
    }

    private static void positive(String what, double value) {
      if (!(value > 0) || Double.isInfinite(value)) {
        throw new IllegalArgumentException(what + " must be above 0, not " + value);
      }
    }
  }

  /**
   * What a run computes on.
   *
   * @param threads of the CPU, at least 1
   * @param dtype what a GPU computes in, and the result is saved in; empty for the checkpoint's
   */
  public record DeviceOptions(Backend backend, int threads, Optional<DType> dtype) {}

  /**
   * When a run saves.
   *
   * @param every so many steps it saves so that it can go on from there; 0 for at its end only
   * @param resume whether it goes on with the run that {@code out} has
   * @param merge whether a LoRA is merged into the model that is saved, instead of being saved as
   *     an adapter
   */
  public record Saving(int every, boolean resume, boolean merge) {
    /** Refuses a negative number of steps. */
    public Saving {
      if (every < 0) {
        throw new IllegalArgumentException("save every 0 steps or more, not " + every);
      }
    }
  }

  /** Refuses to merge what isn't there. */
  public TrainingOptions {
    if (saving.merge && model.lora().isEmpty()) {
      throw new IllegalArgumentException("there is no LoRA to merge");
    }
  }

  /**
   * What a run that goes on must have in common with the one before it, by the options' names.
   *
   * @param backend the device that was chosen
   * @param dataChecksum tells the samples from others
   */
  Map<String, String> settings(String backend, long dataChecksum) {
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put("--model", files.model.toAbsolutePath().normalize().toString());
    settings.put("--vision-tower", String.valueOf(files.visionTower));
    settings.put("--images", files.images.toAbsolutePath().normalize().toString());
    settings.put("--bad-samples", batch.badSamples.toString());
    settings.put("--backend", backend);
    settings.put("samples of checksum", Long.toHexString(dataChecksum));
    settings.put("--steps", text(length.steps));
    settings.put("--epochs", text(length.epochs));
    settings.put("--batch", String.valueOf(batch.size));
    settings.put("--accumulate", String.valueOf(batch.accumulate));
    settings.put("--learning-rate", String.valueOf(optimizer.learningRate));
    settings.put("--vision-learning-rate", String.valueOf(optimizer.visionLearningRate));
    settings.put("--schedule", optimizer.shape.toString());
    settings.put("--warm-up", String.valueOf(optimizer.warmUp));
    settings.put("--weight-decay", String.valueOf(optimizer.weightDecay));
    settings.put("--clip", String.valueOf(optimizer.clip));
    settings.put(
        "--train",
        model.parts().stream().sorted().map(Enum::toString).collect(Collectors.joining(",")));
    settings.put(
        "--lora-rank, --lora-alpha or --lora-targets",
        model
            .lora()
            .map(lora ->
                "%d, %s, %s"
                    .formatted(
                        lora.rank(),
                        lora.alpha(),
                        lora.targets().stream()
                            .sorted()
                            .map(Enum::toString)
                            .collect(Collectors.joining(","))))
            .orElse("none"));
    if (!backend.equals("cpu")) {
      // On the CPU it is what the result is saved in, and changes no number before.
      settings.put("--dtype", device.dtype.map(DType::label).orElse("auto"));
    }
    settings.put("--seed", String.valueOf(model.seed()));
    settings.put("the pruning plan", text(model.plan()));
    return settings;
  }

  /** Ranked drops alone as runs had them that were saved when there was nothing else. */
  private static String text(PruningPlan plan) {
    return plan.cuts().stream().allMatch(Cut::readsQuestion)
        ? "PruningPlan[drops=%s, ranking=%s, positions=%s]"
            .formatted(plan.drops(), plan.ranking(), plan.positions())
        : plan.toString();
  }

  private static String text(OptionalInt value) {
    return value.isPresent() ? String.valueOf(value.getAsInt()) : "none";
  }
}
