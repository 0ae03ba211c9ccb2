package org.pyramiddrop.bench.speed.jmh;

import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.report.Machine;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import org.pyramiddrop.bench.report.ReportingCommand;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.DeviceStatus;
import org.pyramiddrop.kernels.Devices;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs the JMH benchmarks, keeps their results as JSON and prints them. */
@Command(
    name = "run",
    description = "Times operations and layers with JMH, beside the machine's ceilings.",
    showDefaultValues = true)
public final class RunCommand extends ReportingCommand {
  @Option(names = "--only", paramLabel = "REGEX")
  private String only = "";

  @Option(names = "--quick")
  private boolean quick;

  @Option(names = "--rounds", showDefaultValue = CommandLine.Help.Visibility.NEVER)
  private @Nullable Integer rounds;

  @Option(names = "--size")
  private String size = ModelSize.LLAVA_7B.label();

  @Option(names = "--backend")
  private String backend = "cpu";

  @Option(names = "--dtype")
  private @Nullable DType dtype;

  @Override
  public Integer call() {
    DeviceStatus device = device();
    checkMarkdown();
    Map<String, String> parameters = new LinkedHashMap<>();
    if (ModelSize.of(size) == ModelSize.TINY) {
      // Where there is a parameter of that name.
      parameters.putAll(Map.of("imageTokens", "20", "stage", "20-10"));
    }
    parameters.put("size", size);
    if (dtype != null) {
      parameters.put("dtype", dtype.name());
    }
    Suite suite =
        new Suite(
            pattern(),
            backend,
            parameters,
            quick,
            rounds != null ? rounds : quick ? 2 : 1,
            OptionalInt.empty(),
            Suite.QUICK);
    List<Suite.Pass> passes = suite.passes();
    // Made here, or each fork would count it into its warm-up.
    ModelSize.of(size).checkpoint();
    Path folder = BenchFolder.root();
    suite.run(passes, folder, out());
    Results results =
        Results.of(
            Machine.here(),
            device.name() + ", " + device.detail(),
            given(),
            Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
            JmhResult.read(folder.resolve(Suite.RESULTS)));
    publish(results.document(), Results.FILE, results);
    return 0;
  }

  private DeviceStatus device() {
    DeviceStatus device =
        Devices.all().stream()
            .filter(d -> d.name().equals(backend))
            .findFirst()
            .orElseThrow(() ->
                new IllegalArgumentException(
                    "there is no backend " + backend + "; use cpu, native or cuda"));
    if (!device.available()) {
      throw new DeviceException(device.detail());
    }
    return device;
  }

  private Pattern pattern() {
    try {
      return Pattern.compile(only);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          "--only takes a regular expression: " + e.getDescription() + " in " + only, e);
    }
  }
}
