package org.pyramiddrop.bench;

import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A file system of some kilobytes in memory, where this process may mount one; elsewhere the test
 * is skipped.
 */
public final class FullDisk implements AutoCloseable {
  private final Path folder;

  private FullDisk(Path folder) {
    this.folder = folder;
  }

  public static FullDisk in(Path folder, int kilobytes) throws IOException {
    Path at = Files.createDirectory(folder.resolve("disk"));
    int code = run("mount", "-t", "tmpfs", "-o", "size=" + kilobytes + "k", "tmpfs", at.toString());
    assumeThat(code).as("exit code of mount").isZero();
    return new FullDisk(at);
  }

  public Path folder() {
    return folder;
  }

  private static int run(String... command) {
    try {
      return new ProcessBuilder(command)
          .redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.DISCARD)
          .start()
          .onExit()
          .join()
          .exitValue();
    } catch (IOException e) {
      return -1; // No such command.
    }
  }

  @Override
  public void close() {
    run("umount", folder.toString());
  }
}
