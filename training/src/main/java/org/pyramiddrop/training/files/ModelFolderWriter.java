package org.pyramiddrop.training.files;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.SafetensorsWriter;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.loader.StoredType;

/**
 * Writes the folder of a model that was trained: its tensors, and whatever else lies in the folder
 * of the one that it began as, so that it can be used like that one.
 */
public final class ModelFolderWriter {
  /** Of a shard, as transformers has it. */
  static final long SHARD_BYTES = 5_000_000_000L;

  private static final String SINGLE = "model.safetensors";
  private static final String CONFIG = "config.json";

  /** Weights of all formats and what belongs to them, and what an earlier run left. */
  private static final Pattern NOT_COPIED =
      Pattern.compile(
          ".*\\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|onnx|gguf|csv|part)"
              + "|loss\\.png"
              + "|.*\\.index\\.json"
              + "|"
              + Pattern.quote(TrainingStateFile.NAME));

  private ModelFolderWriter() {}

  /**
   * Writes a model's folder: in one file, or in shards of 5 GB. It is there whole or not at all;
   * {@link AtomicFolder} says what becomes of one that is there already. No more than one tensor is
   * in memory at a time.
   *
   * @param source the checkpoint that was trained; all its tensors are written
   * @param target not the source's folder
   * @param trained new numbers of tensors, by their names in the source: float32, row-major; asked
   *     for once each
   * @param dtype the type of all weights; empty for each tensor's own. What is no F32, F16 or BF16
   *     in the source stays as it is.
   * @throws IOException if it can't be written, in one message that names the target and has the
   *     system's reason
   * @throws CheckpointException if a tensor isn't in the source, or the source has changed
   * @throws IllegalArgumentException if a tensor is of another size, or a number isn't finite or
   *     too large for its type
   */
  public static void write(
      Checkpoint source, Path target, Map<String, Supplier<float[]>> trained, Optional<DType> dtype)
      throws IOException {
    write(source, target, trained, dtype, SHARD_BYTES);
  }

  static void write(
      Checkpoint source,
      Path target,
      Map<String, Supplier<float[]>> trained,
      Optional<DType> dtype,
      long shardBytes)
      throws IOException {
    for (String name : trained.keySet()) {
      StoredTensor tensor = source.tensor(name);
      if (!tensor.type().isWeight()) {
        throw new IllegalArgumentException(
            "tensor '%s' is %s, which can't be trained".formatted(name, tensor.type()));
      }
    }
    source.refuseIfChanged();
    AtomicFolder.write(
        target,
        part -> {
          if (Files.exists(target) && Files.isSameFile(target, source.folder())) {
            throw new FileSystemException(
                target.toString(), null, "the model that is trained lies there");
          }
          copyOthers(source.folder(), part, dtype);
          writeTensors(source, part, trained, dtype, shardBytes);
          source.refuseIfChanged();
        });
  }

  private static void writeTensors(
      Checkpoint source,
      Path folder,
      Map<String, Supplier<float[]>> trained,
      Optional<DType> dtype,
      long shardBytes)
      throws IOException {
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    for (String name : source.names()) {
      StoredTensor tensor = source.tensor(name);
      entries.add(new SafetensorsWriter.Entry(name, type(tensor, dtype), tensor.shape()));
    }
    writeTensors(
        folder,
        entries,
        shardBytes,
        (entry, out) -> fill(source.tensor(entry.name()), trained.get(entry.name()), entry, out));
  }

  /** Writes a checkpoint's tensors, in one file or in shards. */
  static void writeTensors(
      Path folder,
      List<SafetensorsWriter.Entry> entries,
      long shardBytes,
      SafetensorsWriter.Data data)
      throws IOException {
    if (entries.stream().mapToLong(SafetensorsWriter.Entry::bytes).sum() <= shardBytes) {
      SafetensorsWriter.write(folder.resolve(SINGLE), entries, data);
    } else {
      SafetensorsWriter.writeShards(folder, entries, shardBytes, data);
    }
  }

  private static StoredType type(StoredTensor tensor, Optional<DType> dtype) {
    return tensor.type().isWeight()
        ? dtype.map(StoredNumbers::type).orElse(tensor.type())
        : tensor.type();
  }

  private static void fill(
      StoredTensor tensor,
      @Nullable Supplier<float[]> trained,
      SafetensorsWriter.Entry entry,
      MemorySegment out) {
    if (trained != null) {
      StoredNumbers.write(entry.name(), trained.get(), entry.type(), out);
    } else if (tensor.type() == entry.type()) {
      out.copyFrom(tensor.data());
    } else {
      StoredNumbers.write(tensor, entry.type(), out);
    }
  }

  static void copyOthers(Path source, Path folder, Optional<DType> dtype) throws IOException {
    List<Path> files;
    try (Stream<Path> entries = Files.list(source)) {
      files = entries.filter(Files::isRegularFile).sorted().toList();
    }
    for (Path file : files) {
      String name = file.getFileName().toString();
      Path copy = folder.resolve(name);
      if (name.equals(CONFIG) && dtype.isPresent()) {
        Files.write(copy, ConfigDtype.set(Files.readAllBytes(file), dtype.get().label()));
      } else if (!NOT_COPIED.matcher(name.toLowerCase(Locale.ROOT)).matches()) {
        // The bytes alone: what was read-only there mustn't be here.
        try (var in = Files.newInputStream(file)) {
          Files.copy(in, copy);
        }
      }
    }
  }
}
