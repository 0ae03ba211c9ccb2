package org.pyramiddrop.cli;

import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;

/** What a command left behind. */
record Run(int code, String out, String err) {

  static Run of(String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code =
        PyramidDropCommand.run(
            InputStream.nullInputStream(),
            new PrintWriter(out, true),
            new PrintWriter(err, true),
            args);
    return new Run(code, out.toString(), err.toString());
  }
}
