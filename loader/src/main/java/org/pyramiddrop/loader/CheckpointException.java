package org.pyramiddrop.loader;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A checkpoint folder holds something that can't be used; the message is one line that names the
 * file, the tensor if there is one, and the rule that is broken. Names out of the file are cut to a
 * readable length, and what isn't printable is written as an escape.
 */
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A file as a whole breaks a rule. */
  public CheckpointException(Path file, String rule) {
    this(file, rule, (Throwable) null);
  }

  /** A file as a whole breaks a rule, as another exception found. */
  public CheckpointException(Path file, String rule, @Nullable Throwable cause) {
    super(OneLine.of(file + ": " + rule), cause);
  }

  /** One tensor of a file breaks a rule. */
  public CheckpointException(Path file, String tensor, String rule) {
    super(OneLine.of(file + ": tensor '" + OneLine.shorten(tensor) + "': " + rule));
  }
}
