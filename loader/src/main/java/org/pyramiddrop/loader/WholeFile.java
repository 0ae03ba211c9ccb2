package org.pyramiddrop.loader;

import static java.nio.file.StandardOpenOption.CREATE_NEW;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * Files that are there whole or not at all: written under a temporary name beside the target, which
 * then takes their place. A target that was there before stays as it was if writing fails.
 */
public final class WholeFile {
  /** Writes a file's bytes. */
  @FunctionalInterface
  public interface Content {
    /** Writes all of them; the stream is closed by the caller. */
    void writeTo(OutputStream out) throws IOException;
  }

  private WholeFile() {}

  /**
   * Writes a file.
   *
   * @throws IOException with the system's reason
   */
  public static void write(Path file, Content content) throws IOException {
    Path whole = target(file);
    Path part = part(whole);
    try {
      try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(part, CREATE_NEW))) {
        content.writeTo(out);
      }
      Files.move(part, whole, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  /**
   * Refuses a file that {@link #write} couldn't write, before any work for it is done.
   *
   * @throws IOException with the reason
   */
  public static void check(Path file) throws IOException {
    Path whole = target(file);
    Path folder = folder(whole);
    if (!Files.isDirectory(folder)) {
      throw new FileSystemException(file.toString(), null, "no such folder as " + folder);
    }
    if (Files.isDirectory(whole)) {
      throw new FileSystemException(file.toString(), null, "is a folder");
    }
    Path part = part(whole);
    Files.createFile(part);
    Files.delete(part);
  }

  /** Why a file couldn't be written, in the system's words and without its name. */
  public static String reason(IOException e) {
    return Reason.of(e);
  }

  // Not by createTempFile, whose files nobody but their owner may read.
  private static Path part(Path whole) throws IOException {
    String name = "." + whole.getFileName() + "." + Long.toHexString(System.nanoTime()) + ".part";
    return folder(whole).resolve(name);
  }

  // A link stays one.
  private static Path target(Path file) throws IOException {
    return Files.isSymbolicLink(file) ? file.toRealPath() : file.toAbsolutePath();
  }

  private static Path folder(Path whole) throws IOException {
    Path folder = whole.getParent();
    if (folder == null) {
      throw new FileSystemException(whole.toString(), null, "is a folder");
    }
    return folder;
  }
}
