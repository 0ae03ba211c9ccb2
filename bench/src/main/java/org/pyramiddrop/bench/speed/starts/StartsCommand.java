package org.pyramiddrop.bench.speed.starts;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.OptionValues;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import org.pyramiddrop.bench.report.ReportingCommand;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/**
 * Starts Java again and again and times the same operations in each process: what the compiler
 * makes of the kernels must not depend on the order in which it happened to meet them.
 */
@Command(
    name = "starts",
    description = "Times operations in many starts of Java, and fails if one start is slower.",
    showDefaultValues = true)
public final class StartsCommand extends ReportingCommand {
  private static final int UNEVEN = 1;

  @Option(names = "--starts")
  private int starts = 20;

  @Option(names = "--limit")
  private double limit = 1.3;

  @Option(names = "--size")
  private String size = ModelSize.LLAVA_7B.label();

  @Override
  public Integer call() {
    OptionValues.atLeast(2, "--starts", starts);
    if (!(limit >= 1)) {
      throw new IllegalArgumentException("--limit must be at least 1, not " + limit);
    }
    checkMarkdown();
    // Written once, and not by the first start.
    ModelSize.of(size).checkpoint();
    List<Map<String, List<Double>>> millis = new ArrayList<>();
    for (int i = 0; i < starts; i++) {
      out().printf("start %d of %d%n", i + 1, starts);
      out().flush();
      millis.add(start());
    }
    Starts all = new Starts(millis, limit);
    publish(new Document(facts(device()), List.of(all.table())), "starts.json", all);
    List<Starts.Row> uneven = all.uneven();
    uneven.forEach(row ->
        out()
            .printf(
                "%s: the slowest start takes %.2f times the fastest%n",
                row.operation(), row.ratio()));
    return uneven.isEmpty() ? 0 : UNEVEN;
  }

  private static String device() {
    try (Kernels kernels = Devices.open("cpu", 0, DType.FLOAT32)) {
      return kernels.description();
    }
  }

  /** One process with this one's options and class path. */
  private Map<String, List<Double>> start() {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.add("-D%s=%s".formatted(BenchFolder.PROPERTY, BenchFolder.root()));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(StartMain.class.getName(), size));
    try {
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
        String line = reader.readLine();
        int code = process.waitFor();
        if (line == null || code != 0) {
          throw new IllegalStateException("a start of Java ended with code " + code);
        }
        return JsonMapper.shared().readValue(line, new TypeReference<>() {});
      }
    } catch (IOException e) {
      throw new UncheckedIOException("Java can't be started again: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while another start of Java ran", e);
    }
  }
}
