package org.pyramiddrop.bench.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.SafetensorsWriter;
import org.pyramiddrop.loader.SafetensorsWriter.Entry;
import org.pyramiddrop.training.files.AtomicFolder;

/**
 * Writes LLaVA checkpoints with random weights: whole model folders, sharded as Hugging Face shards
 * them, drawn on all cores.
 *
 * <p>They say nothing sensible, but they load, run and take as long as real ones.
 */
public final class RandomCheckpoint {
  /** Where Hugging Face cuts shards. */
  private static final long SHARD_BYTES = 5_000_000_000L;

  private RandomCheckpoint() {}

  /**
   * Writes a model folder, under another name until it is complete.
   *
   * @param folder must not exist yet
   * @throws IllegalArgumentException if the folder exists or its disk has no room for it
   */
  public static void write(Path folder, LlavaConfig config, DType dtype, long seed) {
    write(folder, config, dtype, seed, SHARD_BYTES);
  }

  static void write(Path folder, LlavaConfig config, DType dtype, long seed, long shardBytes) {
    if (Files.exists(folder)) {
      throw new IllegalArgumentException(folder + " exists already; name a new folder");
    }
    Map<Entry, WeightPlan> plans = new LinkedHashMap<>();
    WeightPlan.of(config).forEach(plan -> plans.put(plan.entry(dtype), plan));
    try {
      AtomicFolder.write(
          folder,
          part -> {
            requireRoom(part, plans.keySet());
            SafetensorsWriter.writeShards(
                part,
                List.copyOf(plans.keySet()),
                shardBytes,
                (tensor, out) -> Objects.requireNonNull(plans.get(tensor)).draw(out, dtype, seed));
            ConfigFiles.write(part, config, dtype);
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /** Says at once what a full disk would say after minutes. */
  private static void requireRoom(Path folder, Collection<Entry> tensors) throws IOException {
    long needed = tensors.stream().mapToLong(Entry::bytes).sum();
    long free = Files.getFileStore(folder).getUsableSpace();
    if (needed + (needed >> 4) > free) {
      throw new IllegalArgumentException(
          "%s needs %.1f GB and its disk has %.1f GB left"
              .formatted(folder, needed / 1e9, free / 1e9));
    }
  }
}
