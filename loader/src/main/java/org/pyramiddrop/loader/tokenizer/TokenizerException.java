package org.pyramiddrop.loader.tokenizer;

import org.jspecify.annotations.Nullable;

/**
 * A {@code tokenizer.json} can't be read, breaks a rule, or has what isn't supported. The message
 * names the place in the file, not the file.
 */
public final class TokenizerException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  TokenizerException(String rule, @Nullable Throwable cause) {
    super(rule, cause);
  }
}
