package org.pyramiddrop;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A {@link Program} under way: what it writes is gathered while it runs. Closing it ends it. */
final class RunningProgram implements AutoCloseable {
  private final Process process;
  private final List<String> command;
  private final long deadline;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final List<Thread> readers;

  RunningProgram(Process process, List<String> command, Duration limit) {
    this.process = process;
    this.command = command;
    deadline = System.nanoTime() + limit.toNanos();
    readers = List.of(gather(process.getInputStream(), out), gather(process.getErrorStream(), err));
  }

  private static Thread gather(InputStream from, ByteArrayOutputStream to) {
    return Thread.ofVirtual()
        .start(() -> {
          byte[] buffer = new byte[8192];
          try (from) {
            for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
              to.write(buffer, 0, n);
            }
          } catch (IOException e) {
            // The program was ended, and its pipes with it; its exit code tells.
          }
        });
  }

  long pid() {
    return process.pid();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** What it has written to its standard output so far. */
  String out() {
    return out.toString(UTF_8);
  }

  /** What it has written to its standard error so far. */
  String err() {
    return err.toString(UTF_8);
  }

  /** Writes to its standard input. A program that doesn't read to the end may be gone by then. */
  void write(String text) {
    try {
      process.getOutputStream().write(text.getBytes(UTF_8));
      process.getOutputStream().flush();
    } catch (IOException e) {
      // Nobody reads: the run's exit code and output say what a test wants to know.
    }
  }

  void endInput() {
    try {
      process.getOutputStream().close();
    } catch (IOException e) {
      // As above.
    }
  }

  /** Waits until its standard output has this text in it, in at most the time it has. */
  void awaitOut(String text) throws InterruptedException {
    while (!out().contains(text)) {
      if (!process.isAlive()) {
        // What it wrote last may be in the pipe still.
        readers.getFirst().join(Duration.ofSeconds(5));
        if (out().contains(text)) {
          return;
        }
      }
      if (!process.isAlive() || System.nanoTime() > deadline) {
        throw failed("never wrote \"%s\"".formatted(text));
      }
      Thread.sleep(10);
    }
  }

  /** Sends a signal, such as {@code TERM}, to the process that was started and no other. */
  void signal(String name) throws IOException, InterruptedException {
    kill(name, Long.toString(process.pid()));
  }

  /** Sends a signal to all of its group, which has to be its own. */
  void signalGroup(String name) throws IOException, InterruptedException {
    kill(name, "-" + process.pid());
  }

  private void kill(String name, String target) throws IOException, InterruptedException {
    Process kill = new ProcessBuilder("kill", "-s", name, "--", target).inheritIO().start();
    if (kill.waitFor() != 0) {
      throw failed("could not be sent " + name);
    }
  }

  /**
   * Waits for its end and that of everything that holds its pipes; the exit code of a signal is 128
   * and its number.
   */
  CommandRun end() throws InterruptedException {
    if (!process.waitFor(left(), TimeUnit.NANOSECONDS)) {
      throw failed("took too long");
    }
    for (Thread reader : readers) {
      if (!reader.join(Duration.ofNanos(left()))) {
        throw failed("ended, but something it started has not");
      }
    }
    return new CommandRun(process.exitValue(), out(), err());
  }

  private long left() {
    return Math.max(1, deadline - System.nanoTime());
  }

  private AssertionError failed(String what) {
    AssertionError error =
        new AssertionError("%s %s; out: %s; err: %s".formatted(command, what, out(), err()));
    close();
    return error;
  }

  /** Ends it and what it started, if that still runs. */
  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
