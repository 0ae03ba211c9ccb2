package org.pyramiddrop.training.files;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.pyramiddrop.loader.AtomicFile;

/**
 * Folders that are there whole or not at all: filled under a hidden name beside the target, put on
 * the disk, and renamed.
 *
 * <p>Where a folder was there before, its weights and the files that the new one has, too, make way
 * for the new one's; all else in it stays, such as a run's log and state. Until the new one is
 * whole on the disk, the old one isn't touched. Between the two renames that put the new one in its
 * place there is a moment in which neither has the name; {@link #recover} ends what was begun if a
 * process is killed just then.
 */
public final class AtomicFolder {
  /** Of a model or an adapter, by Hugging Face's names. */
  private static final Pattern WEIGHTS =
      Pattern.compile(
          "(model|pytorch_model|adapter_model)(-\\d+-of-\\d+)?\\.(safetensors|bin)(\\.index\\.json)?");

  private AtomicFolder() {}

  /** Fills a folder. */
  @FunctionalInterface
  public interface Content {
    /** Writes files into an empty folder. */
    void writeTo(Path folder) throws IOException;
  }

  /**
   * Writes a folder, and those above it that aren't there.
   *
   * @throws IOException if it can't be written, in one message that names the folder and has the
   *     system's reason; what was there before is left as it was
   */
  public static void write(Path folder, Content content) throws IOException {
    try {
      Path whole = target(folder);
      Files.createDirectories(parent(whole));
      settle(whole);
      if (Files.exists(whole, LinkOption.NOFOLLOW_LINKS) && !Files.isDirectory(whole)) {
        throw new FileSystemException(folder.toString(), null, "is there and no folder");
      }
      Path part = hidden(whole, "part");
      // One that a killed process left.
      deleteAll(part);
      try {
        Files.createDirectory(part);
        content.writeTo(part);
        for (Path file : entries(part)) {
          try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
          }
        }
        force(part);
        putInPlace(part, whole);
      } finally {
        deleteAll(part);
      }
      force(parent(whole));
    } catch (IOException e) {
      throw new IOException(folder + " can't be written: " + AtomicFile.reason(e), e);
    }
  }

  /**
   * Ends what a killed process had begun to put in place; without effect if there was nothing.
   *
   * @throws IOException with the system's reason
   */
  public static void recover(Path folder) throws IOException {
    settle(target(folder));
  }

  /**
   * Refuses a folder that couldn't be replaced once there is something to put in its place, such as
   * one that a file system is mounted on.
   *
   * @throws IOException if it can't be renamed, with the system's reason
   */
  public static void requireReplaceable(Path folder) throws IOException {
    Path whole = target(folder);
    settle(whole);
    Path old = hidden(whole, "old");
    // A process that is killed between the two leaves what recover() knows.
    Files.move(whole, old, StandardCopyOption.ATOMIC_MOVE);
    Files.move(old, whole, StandardCopyOption.ATOMIC_MOVE);
  }

  private static void putInPlace(Path part, Path whole) throws IOException {
    if (!Files.exists(whole)) {
      Files.move(part, whole, StandardCopyOption.ATOMIC_MOVE);
      return;
    }
    Path old = hidden(whole, "old");
    Files.move(whole, old, StandardCopyOption.ATOMIC_MOVE);
    try {
      Files.move(part, whole, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      Files.move(old, whole, StandardCopyOption.ATOMIC_MOVE);
      throw e;
    }
    force(parent(whole));
    settle(whole);
  }

  /** Gives back the name that the old folder lost, or moves on what stays of it. */
  private static void settle(Path whole) throws IOException {
    Path old = hidden(whole, "old");
    if (!Files.isDirectory(old)) {
      return;
    }
    if (!Files.exists(whole)) {
      Files.move(old, whole, StandardCopyOption.ATOMIC_MOVE);
      return;
    }
    for (Path entry : entries(old)) {
      Path name = entry.getFileName();
      Path moved = whole.resolve(name);
      if (!WEIGHTS.matcher(name.toString()).matches() && !Files.exists(moved)) {
        Files.move(entry, moved, StandardCopyOption.ATOMIC_MOVE);
      }
    }
    force(whole);
    deleteAll(old);
  }

  /** Where a folder lies; a link to one stays a link. */
  static Path target(Path folder) throws IOException {
    return Files.isDirectory(folder) ? folder.toRealPath() : folder.toAbsolutePath().normalize();
  }

  static Path parent(Path whole) throws IOException {
    Path parent = whole.getParent();
    if (parent == null) {
      throw new FileSystemException(whole.toString(), null, "is the root of a file system");
    }
    return parent;
  }

  /** A name beside a folder that listings don't show. */
  static Path hidden(Path whole, String ending) {
    return whole.resolveSibling("." + whole.getFileName() + "." + ending);
  }

  private static List<Path> entries(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.sorted().toList();
    }
  }

  /** Waits until the disk knows the names in a folder. */
  static void force(Path folder) throws IOException {
    // Windows opens no folders.
    if (Files.getFileStore(folder).supportsFileAttributeView("posix")) {
      try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
        channel.force(true);
      }
    }
  }

  private static void deleteAll(Path folder) throws IOException {
    if (Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      for (Path entry : entries(folder)) {
        deleteAll(entry);
      }
    }
    Files.deleteIfExists(folder);
  }
}
