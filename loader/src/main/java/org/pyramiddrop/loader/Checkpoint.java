package org.pyramiddrop.loader;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The tensors of a model folder: {@code model.safetensors}, or the shards that {@code
 * model.safetensors.index.json} names. Memory-mapped, so opening takes no longer for a large model.
 * Safe for use from several threads; close it when no thread reads its tensors any more.
 */
public final class Checkpoint implements AutoCloseable {
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";

  private final Path folder;
  private final List<SafetensorsFile> files;
  private final Map<String, SafetensorsFile> owners;

  private Checkpoint(
      Path folder, List<SafetensorsFile> files, Map<String, SafetensorsFile> owners) {
    this.folder = folder;
    this.files = files;
    this.owners = Collections.unmodifiableMap(owners);
  }

  /**
   * Opens all of a folder's tensors and checks every file's header and that index and shards agree.
   *
   * @throws CheckpointException if the folder has no safetensors checkpoint, or a broken one
   */
  public static Checkpoint open(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new CheckpointException(
          folder, Files.exists(folder) ? "not a folder" : "no such folder");
    }
    Path single = folder.resolve(SINGLE);
    Path index = folder.resolve(INDEX);
    if (Files.exists(single)) {
      return openAll(folder, List.of(single));
    }
    if (!Files.exists(index)) {
      throw new CheckpointException(
          folder,
          "has neither " + SINGLE + " nor " + INDEX + "; only safetensors checkpoints are read");
    }
    ShardIndex shards = ShardIndex.read(index);
    for (Map.Entry<String, String> entry : shards.shards().entrySet()) {
      if (!Files.isRegularFile(folder.resolve(entry.getValue()))) {
        throw new CheckpointException(
            index,
            entry.getKey(),
            "its shard '" + entry.getValue() + "' is missing from the folder");
      }
    }
    Checkpoint checkpoint = openAll(folder, shards.files().stream().map(folder::resolve).toList());
    try {
      checkpoint.checkAgainst(shards);
      return checkpoint;
    } catch (CheckpointException e) {
      checkpoint.close();
      throw e;
    }
  }

  private static Checkpoint openAll(Path folder, List<Path> paths) {
    List<SafetensorsFile> files = new ArrayList<>();
    Map<String, SafetensorsFile> owners = new LinkedHashMap<>();
    try {
      for (Path path : paths) {
        SafetensorsFile file = SafetensorsFile.open(path);
        files.add(file);
        for (String name : file.names()) {
          SafetensorsFile other = owners.putIfAbsent(name, file);
          if (other != null) {
            throw new CheckpointException(
                path, name, "is in " + other.path().getFileName() + " too");
          }
        }
      }
      return new Checkpoint(folder, files, owners);
    } catch (RuntimeException e) {
      closeAll(files);
      throw e;
    }
  }

  private void checkAgainst(ShardIndex index) {
    for (Map.Entry<String, String> entry : index.shards().entrySet()) {
      SafetensorsFile owner = owners.get(entry.getKey());
      if (owner == null || !owner.path().endsWith(entry.getValue())) {
        throw new CheckpointException(
            index.file(),
            entry.getKey(),
            "the index puts it in " + entry.getValue() + ", which lacks it");
      }
    }
    for (Map.Entry<String, SafetensorsFile> entry : owners.entrySet()) {
      if (!index.shards().containsKey(entry.getKey())) {
        throw new CheckpointException(
            entry.getValue().path(), entry.getKey(), "is not in " + INDEX);
      }
    }
  }

  /** The folder it was opened from. */
  public Path folder() {
    return folder;
  }

  /** The names of all tensors, file by file. */
  public Set<String> names() {
    return owners.keySet();
  }

  /** Whether there is a tensor of this name. */
  public boolean contains(String name) {
    return owners.containsKey(name);
  }

  /** How many safetensors files it is made of. */
  public int files() {
    return files.size();
  }

  /** The length of all tensors together, in bytes. */
  public long bytes() {
    return files.stream().mapToLong(SafetensorsFile::bytes).sum();
  }

  /**
   * The tensor of this name, of any type and shape.
   *
   * @throws CheckpointException if there is none
   * @throws IllegalStateException if the checkpoint is closed
   */
  public StoredTensor tensor(String name) {
    SafetensorsFile owner = owners.get(name);
    if (owner == null) {
      throw new CheckpointException(folder, name, "not in this checkpoint");
    }
    return owner.tensor(name);
  }

  /**
   * The weight of this name: F32, F16 or BF16, and of exactly this shape.
   *
   * @throws CheckpointException if there is none, or it is of another type or shape
   * @throws IllegalStateException if the checkpoint is closed
   */
  public StoredTensor weight(String name, long... shape) {
    StoredTensor tensor = tensor(name);
    List<Long> wanted = new ArrayList<>();
    for (long dim : shape) {
      wanted.add(dim);
    }
    if (!tensor.type().isWeight()) {
      throw new CheckpointException(
          folder, name, "weights must be F32, F16 or BF16, this one is " + tensor.type());
    }
    if (!tensor.shape().equals(wanted)) {
      throw new CheckpointException(
          folder,
          name,
          "config.json asks for the shape " + wanted + ", the file has " + tensor.shape());
    }
    return tensor;
  }

  /** Unmaps all files; their tensors can't be read any more. Closing again does nothing. */
  @Override
  public void close() {
    closeAll(files);
  }

  // Every file gets its chance, also after one that a call still holds on to.
  private static void closeAll(List<SafetensorsFile> files) {
    RuntimeException first = null;
    for (SafetensorsFile file : files) {
      try {
        file.close();
      } catch (RuntimeException e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    if (first != null) {
      throw first;
    }
  }
}
