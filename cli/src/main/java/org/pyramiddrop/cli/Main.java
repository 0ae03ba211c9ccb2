package org.pyramiddrop.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Path;

/** Starts the command line. */
public final class Main {
  private Main() {}

  /** Runs one command and exits with its code; {@link PyramidDropCommand} lists the codes. */
  public static void main(String[] args) throws IOException, InterruptedException {
    Output out = new Output(new FileOutputStream(FileDescriptor.out));
    Output err = new Output(new FileOutputStream(FileDescriptor.err));
    try {
      Locales.check(
          System.getProperty("sun.jnu.encoding", "UTF-8"), Path.of("/proc/self/cmdline"), args);
    } catch (UsageException e) {
      err.println("pyramiddrop: " + e.getMessage());
      System.exit(ExitReason.BAD_USE);
    }
    // A jar's manifest can't ask for an incubator module, so `java -jar` arrives here without it.
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      System.exit(Relaunch.run(args));
    }
    System.exit(PyramidDropCommand.run(System.in, out, err, args));
  }
}
