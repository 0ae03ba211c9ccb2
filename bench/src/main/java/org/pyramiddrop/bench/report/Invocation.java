package org.pyramiddrop.bench.report;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.CommandSpec;

/** The command that a result names, for others to give it again. */
public final class Invocation {
  private static final Pattern DIRECTORIES = Pattern.compile("^(--[a-z-]+=)?/(?:.*/)?(?=[^/])");

  private Invocation() {}

  /** As it was given, but for absolute paths: where they lie is this machine's affair. */
  public static String of(CommandSpec spec) {
    return of(spec.commandLine().getParseResult().originalArgs());
  }

  /** The same of its arguments. */
  public static String of(List<String> arguments) {
    return arguments.stream()
        .map(argument -> DIRECTORIES.matcher(argument).replaceFirst("$1"))
        .collect(Collectors.joining(" ", "bench ", ""));
  }
}
