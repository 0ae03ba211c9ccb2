package org.pyramiddrop.bench.report;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A command that measures or shows something; returns its exit code. */
public abstract class BenchCommand implements Callable<Integer> {
  private static final Pattern DIRECTORIES = Pattern.compile("^(--[a-z-]+=)?/(?:.*/)?(?=[^/])");

  @Spec private CommandSpec spec = CommandSpec.create();

  protected PrintWriter out() {
    return spec.commandLine().getOut();
  }

  protected PrintWriter err() {
    return spec.commandLine().getErr();
  }

  protected void print(Document document) {
    document.lines().forEach(out()::println);
  }

  /** Prints tables, and writes them as Markdown if there is a file for them. */
  protected void print(Document document, @Nullable Path markdown) {
    print(document);
    if (markdown != null) {
      OutputFile.write(markdown, document.markdown());
    }
  }

  /**
   * The command as it was given, for others to give it again, but for absolute paths: where they
   * lie is this machine's affair.
   */
  protected String given() {
    return given(spec.commandLine().getParseResult().originalArgs());
  }

  static String given(List<String> arguments) {
    return arguments.stream()
        .map(argument -> DIRECTORIES.matcher(argument).replaceFirst("$1"))
        .collect(Collectors.joining(" ", "bench ", ""));
  }
}
