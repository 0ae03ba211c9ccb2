package org.pyramiddrop.bench.speed.pruning;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.model.ModelInput;
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
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.transformer.pruning.ImageShape;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Whether pruning saves the time that it saves in work: answers of one model without drops, with
 * FastV, with PyramidDrop, with cuts before the decoder and with chance, in turn, beside {@link
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
        "Times vision, prefill, decode and whole answers with and without pruning against their FLOPs.")
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

  @Option(names = "--plan", paramLabel = "PIECES")
  private List<String> pieces = List.of();

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
        model == null
            ? size.shape().withLayers(depth).withWholeVision().config()
            : LlavaConfig.read(model);
    ModelInput input = input(config);
    ImageLayout image = input.image().layout();
    OptionValues.fits(image.tokens(), textTokens, newTokens, config.text().maxPositions());
    List<NamedPlan> plans = NamedPlan.given(pieces, () -> NamedPlan.before(ImageShape.of(image)));
    plans.forEach(named -> named.plan().schedule(config.text().layers()));
    Path folder =
        model != null
            ? model
            : ModelSize.checkpoint(
                "%s-%d-layers-and-whole-vision".formatted(size.label(), depth), config);
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
                    decoder, plans, plan -> decoder.answer(input, plan, 0), progress::step)) {
          shares = timer.breakdowns(calls, breakdowns);
        }
      }
      int steps = newTokens - 1;
      try (ModelOnDevice decoder = open(folder, UnaryOperator.identity());
          PlanTimer timer =
              PlanTimer.of(
                  decoder, plans, plan -> decoder.answer(input, plan, steps), progress::step)) {
        device = decoder.device();
        results = timer.answers(steps, rounds, answer -> PlanTimer.time(answer, steps));
      }
    }
    PruningResult result =
        new PruningResult(
            given(),
            device,
            config.text().layers(),
            config.text().hiddenSize(),
            image.tokens(),
            textTokens,
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

  /** Random words, and random pixels: two tiles each way, where a model makes tiles. */
  private ModelInput input(LlavaConfig config) {
    int side = config.vision().imageSize() * (config.anyResolution() ? 2 : 1);
    return ModelInput.random(config, new Resolution(side, side), textTokens, SEED);
  }
}
