package org.pyramiddrop.training.files;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Keeps a folder to one run at a time: a lock on a hidden file beside it, since the folder itself
 * is replaced when it is saved. The system gives the lock back when a process ends, however it
 * does; the file that a killed one leaves means nothing.
 */
public final class FolderLock implements AutoCloseable {
  private final Path file;
  private final FileChannel channel;

  private FolderLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Locks a folder, which needn't be there.
   *
   * @throws IllegalStateException if another run has it
   * @throws IOException if nothing can be written beside it
   */
  public static FolderLock of(Path folder) throws IOException {
    Path whole = AtomicFolder.target(folder);
    Files.createDirectories(AtomicFolder.parent(whole));
    Path file = AtomicFolder.hidden(whole, "lock");
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      if (channel.tryLock() != null) {
        return new FolderLock(file, channel);
      }
    } catch (OverlappingFileLockException e) {
      // A run in this process has it.
    } catch (IOException e) {
      channel.close();
      throw e;
    }
    channel.close();
    throw new IllegalStateException(folder + " is in use by another run");
  }

  @Override
  public void close() throws IOException {
    // Before the lock goes: whoever takes it next makes a file of its own.
    Files.deleteIfExists(file);
    channel.close();
  }
}
