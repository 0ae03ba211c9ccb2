package org.pyramiddrop.cli;

import java.io.PrintWriter;
import java.util.function.BooleanSupplier;
import org.pyramiddrop.transformer.TokenListener;

/**
 * Moves a progress bar until an answer's first token, and prints the text of each where people
 * read. Ends the answer when it is stopped, or when nobody can read it any more.
 */
record AnswerPrinter(PrintWriter out, Format format, Progress progress, BooleanSupplier stopped)
    implements TokenListener {
  @Override
  public boolean onProgress(Phase phase, int done, int total) {
    progress.move(
        switch (phase) {
          case VISION -> "looking at the image";
          case PREFILL -> "reading the prompt";
        },
        done,
        total);
    return !stopped.getAsBoolean();
  }

  @Override
  public boolean onToken(int id, String text) {
    if (format == Format.TEXT) {
      progress.close();
      out.print(text);
      return !out.checkError() && !stopped.getAsBoolean();
    }
    return !stopped.getAsBoolean();
  }
}
