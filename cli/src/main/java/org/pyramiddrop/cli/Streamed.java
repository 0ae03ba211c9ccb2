package org.pyramiddrop.cli;

import java.io.PrintWriter;
import org.pyramiddrop.transformer.TokenListener;

/**
 * Ends a progress bar at an answer's first token, and prints the text of each where people read.
 */
record Streamed(PrintWriter out, Format format, Progress progress) implements TokenListener {
  @Override
  public boolean onToken(int id, String text) {
    if (format == Format.TEXT) {
      progress.close();
      out.print(text);
      out.flush();
    }
    return true;
  }
}
