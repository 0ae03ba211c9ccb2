package org.pyramiddrop.loader;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of a model folder: {@code model.safetensors}, or the shards that {@code
 * model.safetensors.index.json} names. Memory-mapped, so opening takes no longer for a large model,
 * or copied into memory. Safe for use from several threads; close it when no thread reads its
 * tensors any more.
 *
 * <p>What shards hold counts, and the index decides between copies: a tensor that the index doesn't
 * list is there all the same; one that lies in another shard than the index says is taken from
 * there; one that no shard has is missed when it is wanted; and of one that several shards have,
 * the copy in the shard that the index names is taken, since edited models leave old copies behind.
 * A second copy about which the index says nothing is refused.
 */
public final class Checkpoint implements AutoCloseable {
  private static final String SINGLE = "model.safetensors";

  /** The file that says which shard holds which tensor. */
  static final String INDEX = "model.safetensors.index.json";

  private final Path folder;
  private final List<SafetensorsFile> files;
  private final Map<String, SafetensorsFile> owners;
  private final @Nullable ShardIndex index;

  private Checkpoint(
      Path folder,
      List<SafetensorsFile> files,
      Map<String, SafetensorsFile> owners,
      @Nullable ShardIndex index) {
    this.folder = folder;
    this.files = files;
    this.owners = Collections.unmodifiableMap(owners);
    this.index = index;
  }

  /**
   * Opens all of a folder's tensors and checks every file's header and that each tensor has one
   * place.
   *
   * @throws CheckpointException if the folder has no safetensors checkpoint, or a broken one
   */
  public static Checkpoint open(Path folder) {
    return open(folder, FileAccess.MAPPED);
  }

  /**
   * Opens all of a folder's tensors as {@link #open(Path)} does, mapped or copied.
   *
   * @throws CheckpointException if the folder has no safetensors checkpoint, or a broken one, or if
   *     there isn't memory enough for a copy
   */
  public static Checkpoint open(Path folder, FileAccess reading) {
    if (!Files.isDirectory(folder)) {
      throw new CheckpointException(
          folder, Files.exists(folder) ? "not a folder" : "no such folder");
    }
    Path single = folder.resolve(SINGLE);
    Path index = folder.resolve(INDEX);
    if (Files.exists(single)) {
      return openAll(folder, List.of(single), null, reading);
    }
    if (!Files.exists(index)) {
      throw new CheckpointException(
          folder,
          HubCache.hint(folder)
              .orElse(
                  "has neither "
                      + SINGLE
                      + " nor "
                      + INDEX
                      + "; only safetensors checkpoints are read"));
    }
    ShardIndex shards = ShardIndex.read(index);
    for (Map.Entry<String, String> entry : shards.shards().entrySet()) {
      if (!Files.isRegularFile(folder.resolve(entry.getValue()))) {
        throw new CheckpointException(
            index,
            entry.getKey(),
            "its shard '" + OneLine.shorten(entry.getValue()) + "' is missing from the folder");
      }
    }
    return openAll(folder, shards.files().stream().map(folder::resolve).toList(), shards, reading);
  }

  private static Checkpoint openAll(
      Path folder, List<Path> paths, @Nullable ShardIndex index, FileAccess reading) {
    List<SafetensorsFile> files = new ArrayList<>();
    Map<String, SafetensorsFile> owners = new LinkedHashMap<>();
    Set<String> twice = new LinkedHashSet<>();
    try {
      for (Path path : paths) {
        SafetensorsFile file = SafetensorsFile.open(path, reading);
        files.add(file);
        for (String name : file.names()) {
          if (owners.putIfAbsent(name, file) != null) {
            twice.add(name);
          }
        }
      }
      for (String name : twice) {
        owners.put(name, chosen(name, files, index));
      }
      return new Checkpoint(folder, files, owners, index);
    } catch (RuntimeException | Error e) {
      closeAll(files);
      throw e;
    }
  }

  /** Which of the files that have a tensor the index names. */
  private static SafetensorsFile chosen(
      String name, List<SafetensorsFile> files, @Nullable ShardIndex index) {
    List<SafetensorsFile> holders = files.stream().filter(file -> file.contains(name)).toList();
    String shard = index == null ? null : index.shards().get(name);
    return holders.stream()
        .filter(file -> shard != null && file.path().endsWith(shard))
        .findFirst()
        .orElseThrow(() ->
            new CheckpointException(
                holders.get(1).path(),
                name,
                "is in "
                    + holders.get(0).path().getFileName()
                    + " too, and "
                    + INDEX
                    + " names neither of the two as its file"));
  }

  /**
   * Refuses mapped files that have changed since they were opened; what was copied is never
   * refused.
   *
   * @throws CheckpointException if one has, also where it was put back since it was first refused
   */
  public void refuseIfChanged() {
    files.forEach(SafetensorsFile::refuseIfChanged);
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
    return owners.entrySet().stream().mapToLong(e -> e.getValue().bytes(e.getKey())).sum();
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
      throw missing(name);
    }
    return owner.tensor(name);
  }

  private CheckpointException missing(String name) {
    if (PackedMatrix.isThere(this, name)) {
      return new CheckpointException(
          folder, name, "is quantised, which only matrices of the decoder's layers may be");
    }
    String shard = index == null ? null : index.shards().get(name);
    return shard == null || index == null
        ? new CheckpointException(folder, name, "not in this checkpoint")
        : new CheckpointException(
            index.file(),
            name,
            "the index puts it in " + OneLine.shorten(shard) + ", which lacks it");
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
          "config.json asks for the shape "
              + wanted
              + ", the file has "
              + OneLine.shorten(tensor.shape().toString()));
    }
    return tensor;
  }

  /** Unmaps or frees all data; its tensors can't be read any more. Closing again does nothing. */
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
