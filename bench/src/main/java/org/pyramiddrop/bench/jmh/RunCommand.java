package org.pyramiddrop.bench.jmh;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.pyramiddrop.bench.Bench;
import org.pyramiddrop.bench.BenchFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs the JMH benchmarks, keeps their results as JSON and prints the summary. */
@Command(name = "run", description = "Runs the JMH benchmarks and sums them up.")
public final class RunCommand implements Callable<Integer> {
  private final PrintWriter out;

  @Option(
      names = "--only",
      paramLabel = "REGEX",
      description = "benchmarks whose name has this in it")
  private String only = "";

  @Option(
      names = "--quick",
      description = "one virtual machine and few repetitions for each benchmark")
  private boolean quick;

  public RunCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() throws RunnerException {
    Path results = BenchFolder.root().resolve("results.json");
    // Made here, or each fork would count it into its warm-up.
    BenchFolder.decoder(BenchFolder.LAYERS);
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include(Bench.class.getPackageName() + "\\..*(" + only + ")")
            .shouldFailOnError(true)
            .resultFormat(ResultFormatType.JSON)
            .result(results.toString());
    if (quick) {
      options
          .forks(1)
          .warmupIterations(2)
          .warmupTime(TimeValue.milliseconds(300))
          .measurementIterations(5)
          .measurementTime(TimeValue.milliseconds(300));
    }
    new Runner(options.build()).run();
    Summary.read(results).print(out);
    return 0;
  }
}
