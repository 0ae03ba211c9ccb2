package org.pyramiddrop.bench.speed.gpu;

import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.report.BenchCommand;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.JsonFile;
import org.pyramiddrop.bench.report.Machine;
import org.pyramiddrop.bench.report.OptionValues;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.DeviceCeiling;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.compare.PeerProcess;
import org.pyramiddrop.bench.speed.gpu.OperationTimer.Times;
import org.pyramiddrop.bench.speed.pruning.NamedPlan;
import org.pyramiddrop.bench.speed.pruning.PlanTimer;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceStatus;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Resolution;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The CUDA backend in numbers, in one run: a whole model beside PyTorch's, or operations alone
 * beside cuBLASLt's and PyTorch's. The tables come last and, with {@code --out}, into a file.
 */
@Command(
    name = "gpu",
    description = "Times a whole model, or operations alone, on the GPU.",
    showDefaultValues = true)
public final class GpuCommand extends BenchCommand {
  private static final int FAILED = 1;
  private static final long SEED = 11;
  private static final String NO_MODE = "none";
  private static final List<String> MODES = List.of("eager", "compiled", "max-autotune");
  private static final Path DRIVER = Path.of("/proc/driver/nvidia/version");
  private static final Pattern DRIVER_VERSION = Pattern.compile("\\b(\\d{3,}\\.\\d+(\\.\\d+)?)\\b");

  @Option(names = "--model")
  private @Nullable Path model;

  @Option(names = "--out")
  private @Nullable Path file;

  @Option(names = "--image")
  private @Nullable String image;

  @Option(names = "--plan", paramLabel = "PIECES")
  private List<String> pieces = List.of();

  @Option(names = "--text-tokens")
  private int textTokens = ModelWork.TEXT_TOKENS;

  @Option(names = "--new-tokens")
  private int newTokens = 128;

  @Option(names = "--runs")
  private int runs = 11;

  @Option(names = "--repeats")
  private int repeats = 100;

  @Option(names = "--tflops")
  private @Nullable Double tflops;

  @Option(names = "--bandwidth")
  private @Nullable Double bandwidth;

  @Option(names = "--python")
  private String python = "python3";

  @Option(names = "--script")
  private Path script = Path.of("bench", "src", "main", "python", "torch_gpu.py");

  @Option(names = "--torch", split = ",")
  private List<String> modes = MODES;

  @Option(names = "--torch-device", paramLabel = "<device>")
  private String torchDevice = "cuda";

  @Option(names = "--ready-within")
  private int readyWithin = 150;

  @Option(names = "--tiny")
  private boolean tiny;

  @Option(names = "--describe")
  private boolean describe;

  @Option(names = "--skip")
  private boolean skip;

  @Override
  public Integer call() {
    check();
    DeviceStatus gpu =
        Devices.all().stream().filter(d -> d.name().equals("cuda")).findFirst().orElseThrow();
    if (!gpu.available()) {
      out().println((skip ? "skipped: " : "no usable GPU: ") + gpu.detail());
      return skip ? 0 : FAILED;
    }
    if (describe) {
      out().println(gpu.detail());
      return 0;
    }
    Map<String, String> facts = facts(gpu.detail());
    if (model == null) {
      operations(facts);
    } else {
      model(model, facts);
    }
    return 0;
  }

  private Map<String, String> facts(String gpu) {
    Machine machine = Machine.here();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("GPU", gpu);
    facts.put("driver", Machine.found(DRIVER, DRIVER_VERSION).orElse("unknown"));
    facts.put("processor", machine.processor() + ", " + machine.device());
    facts.put("Java", machine.java());
    facts.put("commit", machine.commit());
    facts.put("date", LocalDate.now(ZoneOffset.UTC).toString());
    facts.put("command", given());
    return facts;
  }

  private void check() {
    OptionValues.atLeast(1, "--runs", runs);
    OptionValues.atLeast(1, "--repeats", repeats);
    OptionValues.atLeast(2, "--new-tokens", newTokens);
    OptionValues.atLeast(2, "--text-tokens", textTokens);
    OutputFile.check("--out", file);
    OptionValues.atLeast(1, "--ready-within", readyWithin);
    for (String mode : modes) {
      if (!MODES.contains(mode) && !mode.equals(NO_MODE)) {
        throw new IllegalArgumentException(
            "--torch takes %s or %s, not %s".formatted(String.join(", ", MODES), NO_MODE, mode));
      }
    }
    new Ceilings(1, 1).or(tflops, bandwidth);
    if (model == null && !pieces.isEmpty()) {
      throw new IllegalArgumentException("--plan is of a whole model; name one with --model");
    }
  }

  private void model(Path folder, Map<String, String> facts) {
    LlavaConfig config = LlavaConfig.read(folder);
    Resolution size = imageSize(config);
    List<NamedPlan> plans = NamedPlan.given(pieces, NamedPlan::choices);
    plans.forEach(named -> named.plan().schedule(config.text().layers()));
    Ceilings seen;
    try (Kernels kernels = Devices.open("cuda", 1, DType.BFLOAT16)) {
      seen = ceilings(new OperationTimer(kernels, null, repeats, runs));
    }
    say("the model");
    try (ModelOnDevice open =
        ModelOnDevice.open(folder, Optional.empty(), ModelOnDevice.device("cuda"))) {
      ModelInput input = ModelInput.random(config, size, textTokens, SEED);
      OptionValues.fits(
          input.image().layout().tokens(), textTokens, newTokens, config.text().maxPositions());
      int steps = newTokens - 1;
      facts.put(
          "model",
          "%d layers, %d wide, on %s"
              .formatted(config.text().layers(), config.text().hiddenSize(), open.device()));
      try (PlanTimer ours =
          PlanTimer.of(open, plans, plan -> open.answer(input, plan, steps), () -> {})) {
        RepeatedAnswer plain = ours.answers().getFirst();
        ModelResult result =
            new ModelResult(
                facts,
                config.anyResolution() ? "LLaVA-NeXT" : "LLaVA-1.5",
                ModelResult.Prompt.of(input),
                newTokens,
                open.loadMillis(),
                seen,
                seen.or(tflops, bandwidth),
                ours.answers(steps, runs, answer -> PlanTimer.timeFromPixels(answer, steps)),
                newLengths(open, size, steps),
                new ArrayList<>());
        // A peer may take longer than there is time for: what was measured is kept before.
        Document document = save(result);
        TorchAnswers theirs =
            new TorchAnswers(
                open,
                input,
                plain,
                folder,
                newTokens,
                runs,
                this::torch,
                Duration.ofSeconds(readyWithin));
        for (String mode : modes.stream().filter(MODES::contains).toList()) {
          say("PyTorch, " + mode);
          result.peers().add(theirs.in(mode));
          document = save(result);
        }
        print(document);
      }
    }
  }

  /** Shorter ones, so that they fit wherever the prompt does. */
  private @Nullable NewLengths newLengths(ModelOnDevice open, Resolution size, int steps) {
    int lengths = Math.min(runs, textTokens - 2);
    return lengths < 1
        ? null
        : NewLengths.of(
            open,
            shorter -> ModelInput.random(open.config(), size, textTokens - shorter, SEED),
            steps,
            lengths);
  }

  private Resolution imageSize(LlavaConfig config) {
    int side = config.vision().imageSize() * (config.anyResolution() ? 2 : 1);
    return image == null ? new Resolution(side, side) : OptionValues.imageSize("--image", image);
  }

  /** Keeps what there is of a model as JSON and its tables as Markdown. */
  private Document save(ModelResult result) {
    List<Table<?>> tables = new ArrayList<>(ModelTables.details(result));
    tables.add(result.ceilings().table(result.seen()));
    tables.add(ModelTables.table(List.of(result)));
    tables.add(Goal.table(List.of(result)));
    Document document = Document.of(result.facts(), tables);
    if (file != null) {
      OutputFile.write(file, document.markdown());
      String name = file.getFileName().toString().replaceFirst("\\.md$", "") + ".json";
      JsonFile.write(file.resolveSibling(name), result);
    }
    return document;
  }

  private void operations(Map<String, String> facts) {
    @Nullable PeerProcess started = null;
    String peer;
    try {
      started = torch();
      peer = started.versions();
    } catch (PeerProcess.Failure e) {
      peer = "no PyTorch: " + e.getMessage();
    }
    try (@Nullable PeerProcess side = started;
        Kernels kernels = Devices.open("cuda", 1, DType.BFLOAT16)) {
      OperationTimer timer = new OperationTimer(kernels, side, repeats, runs);
      Ceilings seen = ceilings(timer);
      List<Times> all = new ArrayList<>();
      for (GpuOperation operation : tiny ? GpuOperation.tiny() : GpuOperation.of7B()) {
        say(operation.name());
        all.add(timer.time(operation));
      }
      Table<?> ceilings = seen.or(tflops, bandwidth).table(seen);
      print(Document.of(facts, List.of(Times.table(all, peer), ceilings)), file);
    }
  }

  private PeerProcess torch() {
    return PeerProcess.torch(python, script, 1, "--device", torchDevice);
  }

  private Ceilings ceilings(OperationTimer timer) {
    say("the machine's ceilings");
    return timer.ceilings(tiny ? DeviceCeiling.TINY : DeviceCeiling.LARGE);
  }

  private void say(String what) {
    out().println("timing " + what);
  }
}
