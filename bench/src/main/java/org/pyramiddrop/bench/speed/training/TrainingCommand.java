package org.pyramiddrop.bench.speed.training;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.model.TimedTraining;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.OptionValues;
import org.pyramiddrop.bench.report.ReportingCommand;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.compare.PeerProcess;
import org.pyramiddrop.bench.speed.pruning.NamedPlan;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.training.model.LoraSettings;
import org.pyramiddrop.training.model.ModelPart;
import org.pyramiddrop.training.model.TrainedModel;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.WeightStore;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Steps of one model without drops, with FastV and with PyramidDrop, in turn, beside {@link
 * org.pyramiddrop.transformer.pruning.FlopCounter}'s counts; with {@code --python} PyTorch's step
 * without drops, too, of the same samples, or why there is none.
 */
@Command(
    name = "training",
    description =
        "Times a training step with and without pruning against its FLOPs, and beside PyTorch's.")
public final class TrainingCommand extends ReportingCommand {
  /** So small that every step finds the same model. */
  private static final double LEARNING_RATE = 1e-9;

  @Option(names = "--layers")
  private int layers = ModelSize.LAYERS;

  @Option(names = "--small")
  private boolean small;

  @Option(names = "--model")
  private @Nullable Path model;

  @Option(names = "--text-tokens")
  private int textTokens = ModelWork.TEXT_TOKENS;

  @Option(names = "--answer-tokens")
  private int answerTokens = 30;

  @Option(names = "--batch")
  private int batch = 1;

  @Option(names = "--lora-rank")
  private @Nullable Integer loraRank;

  @Option(names = "--checkpointing")
  private boolean checkpointing;

  @Option(names = "--rounds")
  private int rounds = 5;

  @Option(names = "--threads")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--backend")
  private String backend = "cpu";

  @Option(names = "--python")
  private @Nullable String python;

  @Option(names = "--script")
  private Path script = Path.of("bench", "src", "main", "python", "torch_side.py");

  @Override
  public Integer call() {
    OptionValues.atLeast(1, "--rounds", rounds);
    OptionValues.atLeast(1, "--batch", batch);
    OptionValues.atLeast(1, "--answer-tokens", answerTokens);
    OptionValues.atLeast(answerTokens + 2, "--text-tokens", textTokens);
    OptionValues.atLeast(1, "--threads", threads);
    checkMarkdown();
    ModelSize size = small ? ModelSize.SMALL : ModelSize.LLAVA_7B;
    Path folder = model == null ? size.checkpoint(layers) : model;
    LlavaConfig config = LlavaConfig.read(folder);
    List<NamedPlan> plans = NamedPlan.compared();
    plans.forEach(named -> named.plan().schedule(config.text().layers()));
    try (Checkpoint checkpoint = Checkpoint.open(folder);
        Kernels kernels = open(config, checkpoint);
        TrainedModel trained = load(config, checkpoint, kernels);
        Resources peers = new Resources()) {
      RandomSamples samples = RandomSamples.draw(config, batch, textTokens, answerTokens);
      List<TimedTraining> steps =
          plans.stream()
              .map(plan -> new TimedTraining(trained.under(plan.plan()), config, LEARNING_RATE))
              .toList();
      List<Supplier<Double>> sides = new ArrayList<>();
      steps.forEach(step -> sides.add(() -> step.millis(samples.samples())));
      Optional<PeerProcess> torch = Optional.empty();
      String leftOut = "";
      if (python != null) {
        try {
          PeerProcess process = peers.add(PeerProcess.torch(python, script, threads));
          new TorchStep(folder, backend, kernels.dtype(), loraRank, checkpointing)
              .prepare(
                  process,
                  config.imageTokenId(),
                  samples,
                  steps.getFirst().gradients(samples.samples()));
          sides.add(() -> process.phases().getFirst());
          torch = Optional.of(process);
        } catch (PeerProcess.Failure e) {
          leftOut = "; without PyTorch: " + e.getMessage();
        }
      }
      List<List<Double>> millis = Rounds.of(1, rounds).run(sides);
      TrainingResult result =
          TrainingResult.of(
              config,
              samples,
              plans,
              loraRank == null,
              millis,
              torch.map(PeerProcess::versions).orElse(null));
      String setting =
          "setting: %d layers, %d wide; %d sample%s of %d image tokens and %d of text, %d of them an answer's; %s%s"
              .formatted(
                  config.text().layers(),
                  config.text().hiddenSize(),
                  batch,
                  batch == 1 ? "" : "s",
                  samples.imageTokens(),
                  textTokens,
                  answerTokens,
                  loraRank == null ? "projector and decoder" : "a LoRA of rank " + loraRank,
                  leftOut);
      publish(
          new Document(facts(kernels.description(), setting), List.of(result.table())),
          "training.json",
          result);
    }
    return 0;
  }

  private Kernels open(LlavaConfig config, Checkpoint checkpoint) {
    ModelDescription description = ModelDescription.of(config, checkpoint, checkpoint);
    DType dtype = WeightStore.activations(checkpoint, description.decoder());
    return Devices.open(backend, threads, dtype);
  }

  private TrainedModel load(LlavaConfig config, Checkpoint checkpoint, Kernels kernels) {
    Set<ModelPart> parts =
        loraRank == null
            ? Set.of(ModelPart.PROJECTOR, ModelPart.DECODER)
            : Set.of(ModelPart.DECODER);
    Optional<LoraSettings> lora =
        Optional.ofNullable(loraRank)
            .map(rank ->
                new LoraSettings(rank, 2f * rank, EnumSet.allOf(LoraSettings.Target.class)));
    return TrainedModel.load(
        ModelDescription.of(config, checkpoint, checkpoint),
        checkpoint,
        checkpoint,
        kernels,
        new TrainedModel.Settings(parts, lora, PruningPlan.none(), checkpointing, 1));
  }
}
