package org.pyramiddrop.loader;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** An image can't be used; the message is one line that names it and says why. */
public final class ImageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The file can't be used, for this reason. */
  public ImageException(Path file, String reason) {
    this(file, reason, null);
  }

  /** The file can't be used, for this reason, as another exception found. */
  public ImageException(Path file, String reason, @Nullable Throwable cause) {
    this(file.toString(), reason, cause);
  }

  /** An image from somewhere else can't be used; {@code name} says which. */
  public ImageException(String name, String reason, @Nullable Throwable cause) {
    super(OneLine.of(name + ": " + reason), cause);
  }
}
