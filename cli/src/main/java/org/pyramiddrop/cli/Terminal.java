package org.pyramiddrop.cli;

import java.io.Console;

/** Whether somebody sits in front of the program. */
final class Terminal {
  private Terminal() {}

  /** Whether input and output are a terminal. */
  @SuppressWarnings("SystemConsoleNull") // Java 25 gives null where there is no terminal
  static boolean isThere() {
    Console console = System.console();
    return console != null && console.isTerminal();
  }
}
