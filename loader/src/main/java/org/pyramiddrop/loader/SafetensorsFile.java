package org.pyramiddrop.loader;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Set;

/**
 * One safetensors file, checked, and memory-mapped or copied into memory. Safe for use from several
 * threads; close it when no thread reads its tensors any more.
 */
public final class SafetensorsFile implements AutoCloseable {
  private final Path file;
  private final FileAccess reading;
  private final FileState opened;
  private final SafetensorsHeader header;
  private final Arena arena;
  private final MemorySegment data;

  /** What was there once can't be trusted again, even where it looks as it did. */
  private volatile boolean changed;

  private SafetensorsFile(
      Path file,
      FileAccess reading,
      FileState opened,
      SafetensorsHeader header,
      Arena arena,
      MemorySegment data) {
    this.file = file;
    this.reading = reading;
    this.opened = opened;
    this.header = header;
    this.arena = arena;
    this.data = data;
  }

  /**
   * Checks a file's header and maps its data.
   *
   * @throws CheckpointException if the file can't be read or breaks a rule of the format
   */
  public static SafetensorsFile open(Path file) {
    return open(file, FileAccess.MAPPED);
  }

  /**
   * Checks a file's header and maps or copies its data.
   *
   * @throws CheckpointException if the file can't be read, breaks a rule of the format or changes
   *     while it is copied, or if there isn't memory enough for a copy
   */
  public static SafetensorsFile open(Path file, FileAccess reading) {
    if (!Files.isRegularFile(file)) {
      throw new CheckpointException(
          file, Files.exists(file) ? "not a regular file" : "no such file");
    }
    try {
      // Before it is opened: a change after that is found.
      return open(file, reading, FileState.of(file));
    } catch (IOException e) {
      throw new CheckpointException(file, "can't be read: " + FailureReason.of(e), e);
    }
  }

  private static SafetensorsFile open(Path file, FileAccess reading, FileState state)
      throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      SafetensorsHeader header = SafetensorsHeader.read(file, channel);
      Arena arena = Arena.ofShared();
      try {
        MemorySegment data =
            switch (reading) {
              case MAPPED ->
                  channel.map(MapMode.READ_ONLY, header.dataOffset(), header.dataSize(), arena);
              case COPIED -> DataCopy.read(file, channel, header, arena);
            };
        SafetensorsFile open = new SafetensorsFile(file, reading, state, header, arena, data);
        open.refuse("while it was read", open.difference());
        return open;
      } catch (IOException | RuntimeException e) {
        arena.close();
        throw e;
      }
    }
  }

  /**
   * Refuses mapped data whose file is no longer as it was when it was opened, by its size, its time
   * of modification and its identity; once refused, always refused. Data that was copied is good
   * whatever became of its file.
   *
   * @throws CheckpointException if the file has changed or is gone
   */
  public void refuseIfChanged() {
    if (reading == FileAccess.MAPPED) {
      String difference = changed ? "it isn't what was loaded" : difference();
      if (!difference.isEmpty()) {
        changed = true;
      }
      refuse("while it was in use", difference);
    }
  }

  private String difference() {
    try {
      return opened.difference(FileState.of(file));
    } catch (IOException e) {
      return FailureReason.of(e);
    }
  }

  private void refuse(String when, String difference) {
    if (!difference.isEmpty()) {
      throw new CheckpointException(
          file, "changed " + when + " (" + difference + "); load the folder again");
    }
  }

  /** The file's path, as it was opened. */
  public Path path() {
    return file;
  }

  /** The names of its tensors, in the header's order. */
  public Set<String> names() {
    return header.tensors().keySet();
  }

  /** Whether it has a tensor of this name. */
  public boolean contains(String name) {
    return header.tensors().containsKey(name);
  }

  /** The file's own notes on itself, such as {@code format}. */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /** The length of all its tensors together, in bytes. */
  public long bytes() {
    return header.dataSize();
  }

  /** The length of one of its tensors, in bytes. */
  long bytes(String name) {
    SafetensorsHeader.Entry entry = entry(name);
    return entry.end() - entry.begin();
  }

  /**
   * The tensor of this name.
   *
   * @throws CheckpointException if there is none
   * @throws IllegalStateException if the file is closed
   */
  public StoredTensor tensor(String name) {
    if (!arena.scope().isAlive()) {
      throw new IllegalStateException(file + " is closed");
    }
    SafetensorsHeader.Entry entry = entry(name);
    return new StoredTensor(
        name,
        entry.type(),
        entry.shape(),
        data.asSlice(entry.begin(), entry.end() - entry.begin()));
  }

  private SafetensorsHeader.Entry entry(String name) {
    SafetensorsHeader.Entry entry = header.tensors().get(name);
    if (entry == null) {
      throw new CheckpointException(file, name, "not in this file");
    }
    return entry;
  }

  /** Unmaps or frees the data; its tensors can't be read any more. Closing again does nothing. */
  @Override
  public synchronized void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
