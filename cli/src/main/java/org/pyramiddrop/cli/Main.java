package org.pyramiddrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;

/** Starts the command line. */
public final class Main {
  private Main() {}

  /** Runs one command and exits with its code; {@link PyramidDropCommand} lists the codes. */
  public static void main(String[] args) throws IOException, InterruptedException {
    // A jar's manifest can't ask for an incubator module, so `java -jar` arrives here without it.
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      System.exit(Relaunch.run(args));
    }
    // Answers are text of any language; what the locale would make of them is not.
    PrintWriter out = new PrintWriter(new FileOutputStream(FileDescriptor.out), true, UTF_8);
    PrintWriter err = new PrintWriter(new FileOutputStream(FileDescriptor.err), true, UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    int code = PyramidDropCommand.run(in, out, err, args);
    out.flush();
    err.flush();
    System.exit(code);
  }
}
