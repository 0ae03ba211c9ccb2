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
 * One safetensors file, checked and memory-mapped. Opening reads the header only; data is read from
 * disk when it is first touched. Safe for use from several threads; close it when no thread reads
 * its tensors any more.
 */
public final class SafetensorsFile implements AutoCloseable {
  private final Path file;
  private final SafetensorsHeader header;
  private final Arena arena;
  private final MemorySegment data;

  private SafetensorsFile(Path file, SafetensorsHeader header, Arena arena, MemorySegment data) {
    this.file = file;
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
    if (!Files.isRegularFile(file)) {
      throw new CheckpointException(
          file, Files.exists(file) ? "not a regular file" : "no such file");
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      SafetensorsHeader header = SafetensorsHeader.read(file, channel);
      Arena arena = Arena.ofShared();
      try {
        MemorySegment data =
            channel.map(MapMode.READ_ONLY, header.dataOffset(), header.dataSize(), arena);
        return new SafetensorsFile(file, header, arena, data);
      } catch (IOException | RuntimeException e) {
        arena.close();
        throw e;
      }
    } catch (IOException e) {
      throw new CheckpointException(file, "can't be read: " + Reason.of(e), e);
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

  /** Unmaps the data; its tensors can't be read any more. Closing again does nothing. */
  @Override
  public synchronized void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
