package org.pyramiddrop.cli;

import java.nio.file.InvalidPathException;
import java.util.concurrent.CancellationException;
import java.util.stream.Collectors;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.loader.ChatTemplateException;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.ImageException;
import org.pyramiddrop.training.TrainingException;
import org.pyramiddrop.transformer.NanLogitsException;
import picocli.CommandLine.ParameterException;

/** What a command says of an error, and the exit code that it ends with. */
final class ExitReason {
  static final int FAILED = 1;
  static final int BAD_USE = 2;
  static final String VERBOSE = "--verbose";

  private ExitReason() {}

  static int code(Throwable error) {
    return switch (error) {
      case ParameterException _ -> BAD_USE;
      case UsageException _ -> BAD_USE;
      case IllegalArgumentException _ -> BAD_USE;
      case ImageException _ -> BAD_USE;
      case ChatTemplateException _ -> BAD_USE;
      case DeviceException _ -> BAD_USE;
      default -> FAILED;
    };
  }

  /** Whether one question of many is to blame, so that the others can still be asked. */
  static boolean isOfOneQuestion(Throwable error) {
    return code(error) == BAD_USE
        || error instanceof CheckpointException
        || error instanceof NanLogitsException
        || error instanceof OutOfMemoryError;
  }

  /** One line. */
  static String message(Throwable error) {
    return words(error)
        .replaceFirst("^Error: ", "")
        .lines()
        .map(String::strip)
        .collect(Collectors.joining(" "));
  }

  private static String words(Throwable error) {
    String message = error.getMessage();
    if (error instanceof InvalidPathException path) {
      return "'" + path.getInput() + "' can't name a file: " + path.getReason();
    }
    boolean told =
        code(error) == BAD_USE
            || error instanceof CheckpointException
            || error instanceof NanLogitsException
            || error instanceof CancellationException
            || error instanceof TrainingException
            || error instanceof RunFailedException;
    if (told && message != null) {
      return message;
    }
    if (error instanceof OutOfMemoryError) {
      return "not enough memory (" + message + "); give Java more, or ask for less";
    }
    return "unexpected " + error + "; " + VERBOSE + " shows where";
  }
}
