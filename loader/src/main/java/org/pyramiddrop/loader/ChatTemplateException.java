package org.pyramiddrop.loader;

import java.nio.file.Path;

/**
 * A model's chat template can't write a conversation down: there is none, it is of no known family,
 * or it has no place for a turn or its images. The message is one line that names the file and says
 * why. The model itself is sound, and can be asked otherwise: without that turn, or with a raw
 * prompt.
 */
public final class ChatTemplateException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  ChatTemplateException(Path source, String why) {
    super(OneLine.of(source + ": " + why));
  }
}
