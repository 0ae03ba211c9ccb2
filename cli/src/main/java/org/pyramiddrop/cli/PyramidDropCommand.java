package org.pyramiddrop.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The top of the command line.
 *
 * <p>Errors are one line on stderr, without a stack trace unless {@code --verbose} is given. Exit
 * codes:
 *
 * <table>
 *   <caption>What ends a command</caption>
 *   <tr><th>code</th><th>reason</th></tr>
 *   <tr><td>0</td><td>it did what was asked</td></tr>
 *   <tr><td>2</td><td>a flag that is unknown, missing, out of its range or against another one</td></tr>
 *   <tr><td>2</td><td>a model folder that isn't there or has no {@code config.json}</td></tr>
 *   <tr><td>2</td><td>a vision tower's folder that isn't there, is needed and not given, or given and
 *       not needed</td></tr>
 *   <tr><td>2</td><td>an image that isn't there or can't be read as one</td></tr>
 *   <tr><td>2</td><td>a plan that doesn't fit the model's layers</td></tr>
 *   <tr><td>2</td><td>a prompt that leaves no room in the model's context, or doesn't go with the
 *       images</td></tr>
 *   <tr><td>2</td><td>a backend that isn't available</td></tr>
 *   <tr><td>2</td><td>an overlay whose folder isn't there, or for a model with a class token</td></tr>
 *   <tr><td>1</td><td>some questions of a chat or a batch that couldn't be asked, each for a reason
 *       from above; the others were answered</td></tr>
 *   <tr><td>1</td><td>a checkpoint that is damaged or not supported</td></tr>
 *   <tr><td>1</td><td>anything that goes wrong later: memory, output, a fault of this program</td></tr>
 *   <tr><td>0</td><td>a reader of the output that has gone away, as {@code head} does</td></tr>
 * </table>
 */
@Command(
    name = "pyramiddrop",
    description = "Answers questions about images with LLaVA models, dropping image tokens.",
    mixinStandardHelpOptions = true,
    version = "pyramiddrop 0.1.0-SNAPSHOT",
    footer = {
      "",
      "Words that begin with -D or -J before the COMMAND are options of Java:",
      "  pyramiddrop -Dpyramiddrop.vectorBits=256 -J-Xmx8g generate ..."
    },
    synopsisSubcommandLabel = "COMMAND")
public final class PyramidDropCommand implements Runnable {
  private static final String CHOOSE =
      "choose a command: generate, chat, batch, serve, train, quantize, inspect, flops or doctor";

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = ExitReason.VERBOSE,
      scope = ScopeType.INHERIT,
      description = "Print the stack trace of an error.")
  private boolean verbose;

  private PyramidDropCommand() {}

  /**
   * Runs one command. What it prints may not reach anybody: where a reader has gone away it ends
   * quietly, any other fault of the output is a failed run.
   *
   * @param in what {@code chat} and {@code batch} read, and {@code --image -}
   * @return its exit code
   */
  public static int run(InputStream in, PrintWriter out, PrintWriter err, String... args) {
    PyramidDropCommand root = new PyramidDropCommand();
    int code = root.execute(in, out, err, args);
    @Nullable IOException failure = failure(out);
    if (code != 0 || failure == null || Output.isReaderGone(failure)) {
      return code;
    }
    String reason = failure.getMessage();
    return root.report(
        err, new RunFailedException("the standard output can't be written: " + reason, failure));
  }

  private static @Nullable IOException failure(PrintWriter out) {
    if (out instanceof Output output) {
      return output.failure();
    }
    return out.checkError() ? new IOException("an error that its writer doesn't name") : null;
  }

  private int execute(InputStream in, PrintWriter out, PrintWriter err, String... args) {
    InputLines lines = new InputLines(in);
    CommandLine line =
        new CommandLine(this)
            .addSubcommand(new GenerateCommand(in, out))
            .addSubcommand(new ChatCommand(lines, out, err))
            .addSubcommand(new BatchCommand(lines, out, err))
            .addSubcommand(new ServeCommand(out, err))
            .addSubcommand(new TrainCommand(out, err))
            .addSubcommand(new QuantizeCommand(out))
            .addSubcommand(new InspectCommand(out))
            .addSubcommand(new FlopsCommand(out))
            .addSubcommand(new DoctorCommand(out))
            .registerConverter(Path.class, new PathConverter())
            .setOut(out)
            .setErr(err);
    line.setParameterExceptionHandler((e, _) -> reportUse(err, e));
    line.setExecutionExceptionHandler((e, _, _) -> report(err, e));
    try {
      return line.execute(args);
    } catch (OutOfMemoryError | LinkageError e) {
      return report(err, e);
    }
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), CHOOSE);
  }

  /** Says which command isn't there, where picocli would speak of arguments. */
  private int reportUse(PrintWriter err, ParameterException error) {
    if (error instanceof UnmatchedArgumentException unmatched
        && error.getCommandLine().getParent() == null
        && !unmatched.getUnmatched().getFirst().startsWith("-")) {
      return report(
          err,
          new UsageException(
              "there is no command '" + unmatched.getUnmatched().getFirst() + "'; " + CHOOSE));
    }
    return report(err, error);
  }

  private int report(PrintWriter err, Throwable error) {
    err.println("pyramiddrop: " + ExitReason.message(error));
    if (verbose) {
      error.printStackTrace(err);
    }
    err.flush();
    return ExitReason.code(error);
  }
}
