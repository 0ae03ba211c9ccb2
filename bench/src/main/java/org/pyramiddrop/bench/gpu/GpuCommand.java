package org.pyramiddrop.bench.gpu;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.DeviceCeiling;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.compare.PeerProcess;
import org.pyramiddrop.bench.compare.TorchSide;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceStatus;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.transformer.StandaloneModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * The CUDA backend in numbers, in one run: a whole model, its operations alone beside cuBLASLt and
 * PyTorch, and what the GPU reaches. The tables come last and, with {@code --out}, into a file.
 */
@Command(
    name = "gpu",
    description = "Times a whole model and its operations on the GPU.",
    showDefaultValues = true)
public final class GpuCommand implements Callable<Integer> {
  private static final Path DRIVER = Path.of("/proc/driver/nvidia/version");
  private static final Pattern DRIVER_VERSION = Pattern.compile("\\b(\\d{3,}\\.\\d+(\\.\\d+)?)\\b");
  private static final int FAILED = 1;

  private final PrintWriter out;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(names = "--model", description = "a checkpoint's folder; without one, operations only")
  private @Nullable Path model;

  @Option(names = "--out", description = "a Markdown file for the tables")
  private @Nullable Path file;

  @Option(names = "--text-tokens", description = "beside the picture's; half of them before it")
  private int textTokens = 60;

  @Option(names = "--runs", description = "timed runs of each prefill, picture and operation")
  private int runs = 11;

  @Option(names = "--steps", description = "timed decode steps of each plan")
  private int steps = 32;

  @Option(names = "--repeats", description = "an operation's runs in one recording")
  private int repeats = 100;

  @Option(names = "--tflops", description = "the GPU's ceiling in TFLOP/s")
  private double tflops = 790;

  @Option(names = "--bandwidth", description = "the GPU's ceiling in TB/s")
  private double bandwidth = 4.3;

  @Option(names = "--python", description = "an interpreter with torch, to run beside")
  private String python = "python3";

  @Option(names = "--script", description = "PyTorch's side")
  private Path script = Path.of("bench", "src", "main", "python", "torch_gpu.py");

  @Option(
      names = "--tiny",
      description = "operations of toy sizes: shows that everything runs, measures nothing")
  private boolean tiny;

  @Option(names = "--describe", description = "say what the GPU is, and stop")
  private boolean describe;

  @Option(names = "--skip", description = "without a GPU, say why and succeed")
  private boolean skip;

  public GpuCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    if (runs < 1 || steps < 1 || repeats < 1) {
      throw new IllegalArgumentException("--runs, --steps and --repeats must be at least 1");
    }
    Ceilings ceilings = new Ceilings(tflops, bandwidth);
    DeviceStatus gpu =
        Devices.all().stream().filter(d -> d.name().equals("cuda")).findFirst().orElseThrow();
    if (!gpu.available()) {
      out.println((skip ? "skipped: " : "no usable GPU: ") + gpu.detail());
      return skip ? 0 : FAILED;
    }
    if (describe) {
      out.println(gpu.detail());
      return 0;
    }
    GpuReport report = new GpuReport(ceilings);
    facts(report, gpu.detail());
    measure(report);
    report.lines().forEach(out::println);
    if (file != null) {
      write(file, report.markdown());
    }
    return 0;
  }

  private void facts(GpuReport report, String gpu) {
    Machine machine = Machine.here();
    report.fact("GPU", gpu);
    report.fact("driver", driver());
    report.fact("processor", machine.processor() + ", " + machine.device());
    report.fact("Java", machine.java());
    report.fact("commit", machine.commit());
    report.fact("date", LocalDate.now(ZoneOffset.UTC).toString());
    report.fact(
        "command", "bench " + String.join(" ", spec.commandLine().getParseResult().originalArgs()));
  }

  private static String driver() {
    if (!Files.isReadable(DRIVER)) {
      return "unknown";
    }
    try {
      Matcher version = DRIVER_VERSION.matcher(Files.readString(DRIVER));
      return version.find() ? version.group(1) : "unknown";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void measure(GpuReport report) {
    if (model != null) {
      say("the model");
      try (StandaloneModel open = StandaloneModel.open(model, "cuda")) {
        report.model(GpuModel.measure(open, textTokens, runs, steps));
      }
    }
    try (Rival rival = rival();
        Kernels kernels = Devices.open("cuda", 1, DType.BFLOAT16)) {
      GpuTimes times = new GpuTimes(kernels, rival.torch(), repeats, runs);
      List<GpuTimes.Times> all = new ArrayList<>();
      for (GpuOperation operation : tiny ? GpuOperation.tiny() : GpuOperation.of7B()) {
        say(operation.name());
        all.add(times.time(operation));
      }
      report.operations(all, rival.said());
      say("the machine's ceilings");
      report.reached(
          tiny
              ? times.reached(64, 256)
              : times.reached(DeviceCeiling.SIDE, DeviceCeiling.COPIED_ROWS));
    }
  }

  /** PyTorch's side, and what it is or why there is none. */
  private record Rival(@Nullable TorchSide torch, String said) implements AutoCloseable {
    @Override
    public void close() {
      if (torch != null) {
        torch.close();
      }
    }
  }

  private Rival rival() {
    try {
      TorchSide torch = TorchSide.start(python, script, 1);
      return new Rival(torch, torch.versions());
    } catch (PeerProcess.Failure e) {
      return new Rival(null, "no PyTorch: " + e.getMessage());
    }
  }

  private void say(String what) {
    out.println("timing " + what);
  }

  private void write(Path to, List<String> lines) {
    try {
      Files.write(to, lines);
    } catch (IOException e) {
      throw new UncheckedIOException(to + " can't be written: " + e.getMessage(), e);
    }
  }
}
