package org.pyramiddrop.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import org.pyramiddrop.bench.accuracy.experiment.ExperimentCommand;
import org.pyramiddrop.bench.checkpoint.CheckpointCommand;
import org.pyramiddrop.bench.speed.compare.CompareCommand;
import org.pyramiddrop.bench.speed.compare.PeerProcess;
import org.pyramiddrop.bench.speed.gpu.GpuCommand;
import org.pyramiddrop.bench.speed.gpu.GpuTableCommand;
import org.pyramiddrop.bench.speed.gpu.LoadCommand;
import org.pyramiddrop.bench.speed.gpu.ProfileCommand;
import org.pyramiddrop.bench.speed.jmh.RunCommand;
import org.pyramiddrop.bench.speed.jmh.SummaryCommand;
import org.pyramiddrop.bench.speed.pruning.PruningCommand;
import org.pyramiddrop.bench.speed.starts.StartsCommand;
import org.pyramiddrop.bench.speed.training.TrainingCommand;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.ImageException;
import org.pyramiddrop.training.chart.LineChart.ChartException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Starts one of the measurements; errors of use are one line on stderr and exit code 2, failed runs
 * 1.
 */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    resourceBundle = "org.pyramiddrop.bench.Bench",
    subcommands = {
      RunCommand.class,
      SummaryCommand.class,
      PruningCommand.class,
      CompareCommand.class,
      CheckpointCommand.class,
      GpuCommand.class,
      GpuTableCommand.class,
      ExperimentCommand.class,
      ProfileCommand.class,
      LoadCommand.class,
      TrainingCommand.class,
      StartsCommand.class
    })
public final class Bench implements Runnable {
  private static final int FAILED = 1;
  private static final int BAD_USE = 2;

  @Spec private CommandSpec spec = CommandSpec.create();

  private Bench() {}

  /** Runs one command and exits with its code. */
  public static void main(String[] args) {
    PrintWriter out = new PrintWriter(new FileOutputStream(FileDescriptor.out), true, UTF_8);
    PrintWriter err = new PrintWriter(new FileOutputStream(FileDescriptor.err), true, UTF_8);
    System.exit(run(out, err, args));
  }

  static CommandLine commandLine() {
    return new CommandLine(new Bench()).setCaseInsensitiveEnumValuesAllowed(true);
  }

  /** Runs one command and returns its exit code. */
  public static int run(PrintWriter out, PrintWriter err, String... args) {
    int code =
        commandLine()
            .setOut(out)
            .setErr(err)
            .setExecutionExceptionHandler((e, _, _) -> report(err, e))
            .execute(args);
    out.flush();
    err.flush();
    return code;
  }

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(),
        "choose a command: run, summary, pruning, compare, checkpoint, gpu, gpu-table, experiment,"
            + " profile, load, training or starts");
  }

  private static int report(PrintWriter err, Exception e) throws Exception {
    if (e instanceof IllegalArgumentException) {
      err.println("bench: " + e.getMessage());
      return BAD_USE;
    }
    if (e instanceof CheckpointException
        || e instanceof DeviceException
        || e instanceof ImageException
        || e instanceof UncheckedIOException
        || e instanceof IllegalStateException
        || e instanceof ChartException
        || e instanceof PeerProcess.Failure) {
      err.println("bench: " + e.getMessage());
      return FAILED;
    }
    throw e;
  }
}
