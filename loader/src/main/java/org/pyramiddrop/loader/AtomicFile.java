package org.pyramiddrop.loader;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * Files that are there whole or not at all: written under a temporary name beside the target, which
 * then takes their place. A target that was there before stays as it was if writing fails.
 */
public final class AtomicFile {
  /** Writes a file's bytes. */
  @FunctionalInterface
  public interface Content {
    /** Writes all of them; the stream is closed by the caller. */
    void writeTo(OutputStream out) throws IOException;
  }

  /** As many as Linux follows. */
  private static final int MOST_LINKS = 40;

  private AtomicFile() {}

  /**
   * Writes a file. What is there and no regular file, such as a device or a pipe, is written into.
   *
   * @throws IOException with the system's reason
   */
  public static void write(Path file, Content content) throws IOException {
    if (isSpecial(file)) {
      try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
        content.writeTo(out);
      }
      return;
    }
    replace(
        target(file),
        part -> {
          try (OutputStream out =
              new BufferedOutputStream(Files.newOutputStream(part, CREATE_NEW))) {
            content.writeTo(out);
          }
        });
  }

  /** Writes a file's bytes through a channel. */
  @FunctionalInterface
  public interface ChannelContent {
    /** Writes all of them; the channel is closed by the caller. */
    void writeTo(FileChannel out) throws IOException;
  }

  /**
   * Writes a regular file, and waits until the disk has its bytes before it takes its place.
   *
   * @throws IOException with the system's reason
   */
  public static void writeToDisk(Path file, ChannelContent content) throws IOException {
    replace(
        target(file),
        part -> {
          try (FileChannel out = FileChannel.open(part, CREATE_NEW, WRITE)) {
            content.writeTo(out);
            out.force(true);
          }
        });
  }

  private interface Writer {
    void write(Path part) throws IOException;
  }

  private static void replace(Path whole, Writer writer) throws IOException {
    Path part = part(whole);
    try {
      writer.write(part);
      if (Files.exists(whole) && Files.getFileStore(whole).supportsFileAttributeView("posix")) {
        Files.setPosixFilePermissions(part, Files.getPosixFilePermissions(whole));
      }
      // Any other move would take the place of an empty folder, too.
      Files.move(part, whole, StandardCopyOption.ATOMIC_MOVE);
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
    if (isSpecial(file)) {
      return;
    }
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
    return FailureReason.of(e);
  }

  // Not by createTempFile, whose files nobody but their owner may read.
  private static Path part(Path whole) throws IOException {
    String name = "." + whole.getFileName() + "." + Long.toHexString(System.nanoTime()) + ".part";
    return folder(whole).resolve(name);
  }

  private static boolean isSpecial(Path file) {
    return Files.exists(file) && !Files.isRegularFile(file) && !Files.isDirectory(file);
  }

  // A link stays one, also if what it leads to isn't there yet.
  private static Path target(Path file) throws IOException {
    Path target = file.toAbsolutePath();
    for (int links = 0; Files.isSymbolicLink(target); links++) {
      if (links == MOST_LINKS) {
        throw new FileSystemException(file.toString(), null, "too many levels of links");
      }
      target = target.resolveSibling(Files.readSymbolicLink(target));
    }
    return target;
  }

  private static Path folder(Path whole) throws IOException {
    Path folder = whole.getParent();
    if (folder == null) {
      throw new FileSystemException(whole.toString(), null, "is a folder");
    }
    return folder;
  }
}
