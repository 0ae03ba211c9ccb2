package org.pyramiddrop.bench.speed.pruning;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.OptionValues;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.bench.report.Progress;
import org.pyramiddrop.bench.report.ReportingCommand;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Whether pruning saves the time that it saves in work: answers of one decoder without drops, with
 * FastV and with PyramidDrop, in turn, beside {@link
 * org.pyramiddrop.transformer.pruning.FlopCounter}'s counts for the same shapes.
 *
 * <p>A few layers of the real width stand for the rest, which changes what there is to save: the
 * layers that end a stage and the last one, which run on for few tokens, are a larger part of them,
 * and so are the head and FastV's two whole layers. The report has both FLOPs ratios, of the layers
 * that ran and of a whole 7B model. One virtual machine runs everything, and how well it compiles
 * the kernels is part of what is measured: {@code bench run} has prefills of several.
 */
@Command(
    name = "pruning",
    description =
        "Times prefill, decode and whole answers with and without pruning against their FLOPs.")
public final class PruningCommand extends ReportingCommand {
  private static final long SEED = 6;
  private static final int LAYERS = 8;
  private static final int BREAKDOWN_ROUNDS = 2;

  @Option(names = "--layers", description = "layers of 7B width, random weights (" + LAYERS + ")")
  private @Nullable Integer layers;

  @Option(names = "--small")
  private boolean small;

  @Option(names = "--model")
  private @Nullable Path model;

  @Option(names = "--image-tokens")
  private @Nullable Integer imageTokens;

  @Option(names = "--text-tokens")
  private int textTokens = ModelWork.TEXT_TOKENS;

  @Option(names = "--new-tokens")
  private int newTokens = 32;

  @Option(names = "--rounds")
  private int rounds = 3;

  @Option(
      names = "--breakdown-rounds",
      description =
          "prefills of each plan, timed operation by operation ("
              + BREAKDOWN_ROUNDS
              + "; none on a GPU)")
  private @Nullable Integer breakdownRounds;

  @Option(names = "--threads")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--backend")
  private String backend = "cpu";

  @Option(names = "--chart")
  private @Nullable Path chart;

  @Override
  public Integer call() {
    OptionValues.atLeast(1, "--rounds", rounds);
    OptionValues.atLeast(2, "--new-tokens", newTokens);
    OptionValues.atLeast(2, "--text-tokens", textTokens);
    OptionValues.atLeast(1, "--threads", threads);
    int breakdowns =
        breakdownRounds != null
            ? breakdownRounds
            : Devices.readsInPlace(backend) ? BREAKDOWN_ROUNDS : 0;
    OptionValues.atLeast(0, "--breakdown-rounds", breakdowns);
    if (model != null && (layers != null || small)) {
      throw new IllegalArgumentException(
          "--layers and --small are for random weights; leave them out beside --model");
    }
    OutputFile.check("--chart", chart);
    checkMarkdown();
    // What the device lacks is said before a checkpoint is written for it.
    Devices.open(backend, threads, DType.FLOAT32).close();
    ModelSize size = small ? ModelSize.SMALL : ModelSize.LLAVA_7B;
    int depth = layers == null ? LAYERS : layers;
    LlavaConfig config =
        model == null ? size.shape().withLayers(depth).config() : LlavaConfig.read(model);
    PromptShape prompt = prompt(config);
    List<NamedPlan> plans = NamedPlan.compared();
    plans.forEach(named -> named.plan().schedule(config.text().layers()));
    Path folder = model == null ? size.checkpoint(depth) : model;
    List<PlanResult> results;
    List<Breakdown.Shares> shares = List.of();
    String device;
    int runs = plans.size() * (rounds + 1 + (breakdowns > 0 ? breakdowns + 1 : 0));
    try (Progress progress = new Progress("pruning", runs)) {
      // First, because a device may refuse it.
      if (breakdowns > 0) {
        CallTimer calls = new CallTimer();
        try (ModelOnDevice decoder = open(folder, calls::wrap);
            PlanTimer timer =
                PlanTimer.of(
                    decoder,
                    plans,
                    plan -> decoder.prompt(prompt, SEED).answer(plan, 0),
                    progress::step)) {
          shares = timer.breakdowns(calls, breakdowns);
        }
      }
      int steps = newTokens - 1;
      try (ModelOnDevice decoder = open(folder, UnaryOperator.identity());
          PlanTimer timer =
              PlanTimer.of(
                  decoder,
                  plans,
                  plan -> decoder.prompt(prompt, SEED).answer(plan, steps),
                  progress::step)) {
        device = decoder.device();
        results = timer.answers(prompt, steps, rounds, answer -> PlanTimer.time(answer, steps));
      }
    }
    PruningResult result =
        new PruningResult(
            given(),
            device,
            config.text().layers(),
            config.text().hiddenSize(),
            prompt.imageTokens(),
            prompt.textTokens(),
            newTokens,
            results,
            shares);
    String setting =
        "setting: %d layers, %d wide; %d tokens of an image and %d of text; timed rounds: %d, and %d for what the prefill spends its time on"
            .formatted(
                result.layers(),
                result.hidden(),
                result.imageTokens(),
                textTokens,
                rounds,
                breakdowns);
    publish(new Document(facts(device, setting), result.tables()), "pruning.json", result);
    if (chart != null) {
      result.chart(plans.stream().map(NamedPlan::label).toList()).write(chart);
    }
    return 0;
  }

  private ModelOnDevice open(Path folder, UnaryOperator<Kernels> wrapper) {
    return ModelOnDevice.open(
        folder, Optional.empty(), dtype -> wrapper.apply(Devices.open(backend, threads, dtype)));
  }

  private PromptShape prompt(LlavaConfig config) {
    int image = imageTokens == null ? ModelShape.of(config).vision().tokens() : imageTokens;
    OptionValues.atLeast(1, "--image-tokens", image);
    OptionValues.fits(image, textTokens, newTokens, config.text().maxPositions());
    return new PromptShape(List.of(textTokens / 2, textTokens - textTokens / 2), List.of(image), 0);
  }
}
