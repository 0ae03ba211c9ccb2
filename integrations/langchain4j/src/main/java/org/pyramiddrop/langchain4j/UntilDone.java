package org.pyramiddrop.langchain4j;

import java.util.function.BooleanSupplier;
import org.pyramiddrop.transformer.TokenListener;

/** Ends an answer that nobody waits for any more. */
record UntilDone(BooleanSupplier done) implements TokenListener {
  @Override
  public boolean onToken(int id, String text) {
    return !done.getAsBoolean();
  }

  @Override
  public boolean onProgress(Phase phase, int layers, int total) {
    return !done.getAsBoolean();
  }
}
