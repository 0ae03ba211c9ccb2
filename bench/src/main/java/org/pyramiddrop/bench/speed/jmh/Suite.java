package org.pyramiddrop.bench.speed.jmh;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.kernels.Devices;

/**
 * Runs benchmarks class by class, the device's ceilings first, and keeps JMH's results after each.
 *
 * @param only which benchmarks run; a ceiling that it leaves out is probed shortly all the same
 * @param parameters values that go before the benchmarks' own
 * @param quick whether {@link BenchmarkClass.Quick} says how much is measured, not the annotations
 * @param rounds how often everything runs, one round behind the other, so that the spread has in it
 *     what drifts from one minute to the next
 * @param forks virtual machines of each, if neither annotations nor {@code quick} shall say; 0 is
 *     none but this one
 * @param iteration how long one lasts where quick ones count invocations by time
 */
record Suite(
    Pattern only,
    String backend,
    Map<String, String> parameters,
    boolean quick,
    int rounds,
    OptionalInt forks,
    TimeValue iteration) {
  /** Refuses fewer than one round. */
  Suite {
    if (rounds < 1) {
      throw new IllegalArgumentException("--rounds must be at least 1, not " + rounds);
    }
  }

  /** The file that JMH's results go into. */
  static final String RESULTS = "results.json";

  /** What quick iterations last. */
  static final TimeValue QUICK = TimeValue.milliseconds(300);

  /** One class's benchmarks that run, and how. */
  record Pass(BenchmarkClass type, List<String> benchmarks, boolean quick) {}

  /**
   * What will run, in order.
   *
   * @throws IllegalArgumentException if no benchmark's name fits
   */
  List<Pass> passes() {
    List<BenchmarkClass> types =
        BenchmarkClass.ALL.stream().filter(type -> type.runsOn(backend)).toList();
    List<Pass> passes = new ArrayList<>();
    boolean any = false;
    for (BenchmarkClass type : types) {
      List<String> all = type.benchmarks();
      List<String> wanted = all.stream().filter(name -> only.matcher(name).find()).toList();
      any |= !wanted.isEmpty();
      if (type.isCeiling() && (quick || wanted.isEmpty())) {
        // Shares are of what all cores reach.
        List<String> probes = all.stream().filter(name -> !name.endsWith(".oneCore")).toList();
        passes.add(new Pass(type, probes, true));
      } else if (!wanted.isEmpty()) {
        passes.add(new Pass(type, wanted, quick));
      }
    }
    if (!any) {
      throw new IllegalArgumentException(
          "no benchmark on %s has %s in its name; there are %s"
              .formatted(
                  backend,
                  only,
                  types.stream()
                      .flatMap(type -> type.benchmarks().stream())
                      .collect(Collectors.joining(", "))));
    }
    return passes;
  }

  /**
   * Runs.
   *
   * @param folder for JMH's results, {@value #RESULTS}, written after each class, and for what JMH
   *     says about each, {@code DropBenchmark.log}
   * @throws IllegalStateException if one fails
   */
  void run(List<Pass> passes, Path folder, PrintWriter out) {
    List<RunResult> results = new ArrayList<>();
    int all = rounds * passes.size();
    for (int i = 0; i < all; i++) {
      Pass pass = passes.get(i % passes.size());
      String benchmarks = String.join(", ", pass.benchmarks());
      out.printf("%d of %d: %s", i + 1, all, benchmarks);
      out.flush();
      Stopwatch stopwatch = new Stopwatch();
      Path log = folder.resolve(pass.type().type().getSimpleName() + ".log");
      try {
        results.addAll(new Runner(options(pass, log)).run());
      } catch (RunnerException e) {
        out.println();
        throw new IllegalStateException(benchmarks + " failed; " + log + " says why", e);
      }
      out.printf(", %.0f s%n", stopwatch.millis() / 1e3);
      write(results, folder.resolve(RESULTS));
    }
  }

  /** What JMH is told for one pass. */
  Options options(Pass pass, Path log) {
    ChainedOptionsBuilder options =
        new OptionsBuilder().shouldFailOnError(true).output(log.toString());
    for (String benchmark : pass.benchmarks()) {
      options.include(Pattern.quote("." + benchmark) + "$");
    }
    Map<String, List<String>> values = new LinkedHashMap<>();
    BenchmarkClass.Quick less = pass.type().quick();
    if (pass.quick()) {
      options
          .forks(1)
          .warmupIterations(less.warmups())
          .warmupTime(iteration)
          .measurementIterations(less.runs())
          .measurementTime(iteration);
      values.putAll(less.parameters());
    }
    forks.ifPresent(options::forks);
    if (!Devices.readsInPlace(backend)) {
      ModelSize size = ModelSize.of(parameters.getOrDefault("size", ModelSize.LLAVA_7B.label()));
      options.operationsPerInvocation(DeviceBenchmark.repeats(size));
    }
    values.put("backend", List.of(backend));
    parameters.forEach((name, value) -> values.put(name, List.of(value)));
    // JMH adds what it is told twice.
    values.forEach((name, all) -> options.param(name, all.toArray(String[]::new)));
    return options.build();
  }

  private static void write(List<RunResult> results, Path json) {
    OutputFile.write(
        json,
        out -> {
          PrintStream to = new PrintStream(out, false, StandardCharsets.UTF_8);
          ResultFormatFactory.getInstance(ResultFormatType.JSON, to).writeOut(results);
          if (to.checkError()) {
            throw new IOException("the results could not all be written");
          }
        });
  }
}
