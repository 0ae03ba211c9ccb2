package org.pyramiddrop.bench.pruning;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.BenchFolder;
import org.pyramiddrop.bench.Invocation;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.ModelWork;
import org.pyramiddrop.bench.OutputFile;
import org.pyramiddrop.bench.Progress;
import org.pyramiddrop.bench.ResultFile;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

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
public final class PruningPay implements Callable<Integer> {
  private static final String CPU = "cpu";
  private static final int LAYERS = 8;
  private static final int BREAKDOWN_ROUNDS = 2;

  /** How many times narrower a small decoder is. */
  private static final int SMALL = 8;

  private final PrintWriter out;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(names = "--layers", description = "layers of 7B width, random weights (" + LAYERS + ")")
  private @Nullable Integer layers;

  @Option(names = "--small", description = "layers of an eighth of that width: a quick look")
  private boolean small;

  @Option(names = "--model", description = "a checkpoint to take instead of a random one")
  private @Nullable Path model;

  @Option(names = "--image-tokens", description = "of one picture (as many as the model's)")
  private @Nullable Integer imageTokens;

  @Option(names = "--text-tokens", description = "half before it, half behind (${DEFAULT-VALUE})")
  private int textTokens = ModelWork.TEXT_TOKENS;

  @Option(
      names = "--new-tokens",
      description = "of an answer; the prefill gives the first (${DEFAULT-VALUE})")
  private int newTokens = 32;

  @Option(names = "--rounds", description = "timed answers of each plan (${DEFAULT-VALUE})")
  private int rounds = 3;

  @Option(
      names = "--breakdown-rounds",
      description =
          "prefills of each plan, timed operation by operation ("
              + BREAKDOWN_ROUNDS
              + "; none on a GPU)")
  private @Nullable Integer breakdownRounds;

  @Option(names = "--threads", description = "of the CPU (one a core)")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--backend", description = "cpu or cuda (${DEFAULT-VALUE})")
  private String backend = CPU;

  @Option(names = "--chart", description = "a PNG file for time against FLOPs")
  private @Nullable Path chart;

  @Option(names = "--markdown", description = "a Markdown file for the tables")
  private @Nullable Path markdown;

  public PruningPay(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    atLeast(1, "--rounds", rounds);
    atLeast(2, "--new-tokens", newTokens);
    atLeast(2, "--text-tokens", textTokens);
    atLeast(1, "--threads", threads);
    int breakdowns =
        breakdownRounds != null ? breakdownRounds : backend.equals(CPU) ? BREAKDOWN_ROUNDS : 0;
    atLeast(0, "--breakdown-rounds", breakdowns);
    if (model != null && (layers != null || small)) {
      throw new IllegalArgumentException(
          "--layers and --small are for random weights; leave them out beside --model");
    }
    OutputFile.check("--chart", chart);
    OutputFile.check("--markdown", markdown);
    // What the device lacks is said before a checkpoint is written for it.
    Devices.open(backend, threads, DType.FLOAT32).close();
    LlavaConfig config = model == null ? shape().config() : LlavaConfig.read(model);
    PromptShape prompt = prompt(config);
    List<NamedPlan> plans = NamedPlan.compared();
    plans.forEach(named -> named.plan().schedule(config.text().layers()));
    Path folder = model == null ? randomModel() : model;
    List<PlanResult> results;
    List<PlanShares> shares = List.of();
    String device;
    int runs = plans.size() * (rounds + 1 + (breakdowns > 0 ? breakdowns + 1 : 0));
    try (Progress progress = new Progress("pruning", runs)) {
      // First, because a device may refuse it.
      if (breakdowns > 0) {
        CallTimer timer = new CallTimer();
        try (ModelOnDevice decoder = open(folder, timer::before)) {
          shares =
              new PruningRounds(decoder, prompt, plans, progress::step)
                  .breakdowns(timer, breakdowns);
        }
      }
      try (ModelOnDevice decoder = open(folder, UnaryOperator.identity())) {
        device = decoder.kernels().description();
        results =
            new PruningRounds(decoder, prompt, plans, progress::step).answers(newTokens, rounds);
      }
    }
    report(config, prompt, device, breakdowns, results, shares);
    return 0;
  }

  private static void atLeast(int least, String option, int value) {
    if (value < least) {
      throw new IllegalArgumentException(
          "%s must be at least %d, not %d".formatted(option, least, value));
    }
  }

  private ModelOnDevice open(Path folder, UnaryOperator<Kernels> before) {
    return ModelOnDevice.open(
        folder, Optional.empty(), dtype -> before.apply(Devices.open(backend, threads, dtype)));
  }

  private int depth() {
    return layers == null ? LAYERS : layers;
  }

  private CheckpointShape shape() {
    CheckpointShape whole = CheckpointShape.LLAVA_7B;
    CheckpointShape chosen =
        small
            ? new CheckpointShape(
                depth(),
                whole.hidden() / SMALL,
                whole.intermediate() / SMALL,
                whole.heads() / SMALL,
                whole.keyValueHeads() / SMALL,
                whole.vocabulary() / SMALL,
                whole.vision())
            : whole.withLayers(depth());
    return chosen.withTinyVision();
  }

  private Path randomModel() {
    if (!small) {
      return BenchFolder.decoder(depth());
    }
    Path folder = BenchFolder.root().resolve("small-%d-layers".formatted(depth()));
    if (!Files.exists(folder)) {
      RandomCheckpoint.write(folder, shape().config(), DType.BFLOAT16, 1);
    }
    return folder;
  }

  private PromptShape prompt(LlavaConfig config) {
    int image = imageTokens == null ? ModelShape.of(config).vision().tokens() : imageTokens;
    atLeast(1, "--image-tokens", image);
    int positions = config.text().maxPositions();
    if (image + textTokens + newTokens > positions) {
      throw new IllegalArgumentException(
          "%d tokens of a picture, %d of text and %d new ones don't fit into the model's %d positions"
              .formatted(image, textTokens, newTokens, positions));
    }
    return PromptShape.of(textTokens / 2, image, 1, textTokens - textTokens / 2);
  }

  private void report(
      LlavaConfig config,
      PromptShape prompt,
      String device,
      int breakdowns,
      List<PlanResult> results,
      List<PlanShares> shares) {
    String command = Invocation.of(spec);
    String setting =
        "%d layers, %d wide; %d tokens of a picture and %d of text; timed rounds: %d, and %d for what the prefill spends its time on"
            .formatted(
                config.text().layers(),
                config.text().hiddenSize(),
                prompt.imageTokens(),
                prompt.textTokens(),
                rounds,
                breakdowns);
    List<String> facts =
        List.of(
            "machine: " + Machine.here(),
            "device: " + device,
            "command: " + command,
            "setting: " + setting);
    PruningReport report = new PruningReport(facts, results, shares, newTokens);
    out.println();
    report.lines().forEach(out::println);
    ResultFile.write(
        "pruning.json",
        file -> {
          file.put("command", command).put("device", device);
          file.put("layers", config.text().layers()).put("hidden", config.text().hiddenSize());
          file.put("imageTokens", prompt.imageTokens()).put("textTokens", prompt.textTokens());
          file.put("newTokens", newTokens);
          report.json(file);
        });
    if (chart != null) {
      report.chart().write(chart);
    }
    if (markdown != null) {
      OutputFile.write(markdown, report.markdown());
    }
  }
}
