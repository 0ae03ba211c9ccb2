package org.pyramiddrop.loader;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A picture file can't be used; the message is one line that names the file and says why. */
public final class PictureException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The file can't be used, for this reason. */
  public PictureException(Path file, String reason) {
    this(file, reason, null);
  }

  /** The file can't be used, for this reason, as another exception found. */
  public PictureException(Path file, String reason, @Nullable Throwable cause) {
    super(OneLine.of(file + ": " + reason), cause);
  }
}
