package org.pyramiddrop.bench.checkpoint;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes LLaVA checkpoints with random weights: whole model folders, sharded as Hugging Face shards
 * them, filled through memory-mapped files on all cores.
 *
 * <p>They say nothing sensible, but they load, run and take as long as real ones.
 */
public final class RandomCheckpoint {
  /** Where Hugging Face cuts shards. */
  private static final long SHARD_BYTES = 5_000_000_000L;

  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final String PART = ".part";

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
    Path part = folder.resolveSibling(folder.getFileName() + PART);
    try {
      // A run that was killed may have left shards that don't belong to this model.
      OutputFile.deleteFolder(part);
      Files.createDirectories(part);
      try {
        List<WeightPlan> plans = WeightPlan.of(config);
        requireRoom(part, plans, dtype);
        shards(part, plans, dtype, seed, shardBytes);
        ConfigFiles.write(part, config, dtype);
        Files.move(part, folder);
      } finally {
        OutputFile.deleteFolder(part);
      }
    } catch (IOException e) {
      throw OutputFile.failed(folder, e);
    }
  }

  // A mapped file on a full disk ends the process instead of failing.
  private static void requireRoom(Path folder, List<WeightPlan> plans, DType dtype)
      throws IOException {
    long needed = plans.stream().mapToLong(plan -> plan.elements() * dtype.bytes()).sum();
    long free = Files.getFileStore(folder).getUsableSpace();
    if (needed + (needed >> 4) > free) {
      throw new IllegalArgumentException(
          "%s needs %.1f GB and its disk has %.1f GB left"
              .formatted(folder, needed / 1e9, free / 1e9));
    }
  }

  private static void shards(
      Path folder, List<WeightPlan> plans, DType dtype, long seed, long shardBytes)
      throws IOException {
    List<List<WeightPlan>> shards = split(plans, dtype, shardBytes);
    ObjectNode index = ConfigFiles.json("{}");
    ObjectNode files = index.putObject("weight_map");
    long total = 0;
    for (int i = 0; i < shards.size(); i++) {
      String file = "model-%05d-of-%05d.safetensors".formatted(i + 1, shards.size());
      total += shard(folder.resolve(file), shards.get(i), dtype, seed);
      shards.get(i).forEach(plan -> files.put(plan.name(), file));
    }
    index.putObject("metadata").put("total_size", total);
    ConfigFiles.write(folder, "model.safetensors.index.json", index);
  }

  private static List<List<WeightPlan>> split(
      List<WeightPlan> plans, DType dtype, long shardBytes) {
    List<List<WeightPlan>> shards = new ArrayList<>();
    long filled = shardBytes;
    for (WeightPlan plan : plans) {
      long bytes = plan.elements() * dtype.bytes();
      if (filled + bytes > shardBytes) {
        shards.add(new ArrayList<>());
        filled = 0;
      }
      shards.getLast().add(plan);
      filled += bytes;
    }
    return shards;
  }

  /** Writes one safetensors file and returns the bytes of its tensors. */
  private static long shard(Path file, List<WeightPlan> plans, DType dtype, long seed)
      throws IOException {
    ObjectNode header = ConfigFiles.json("{\"__metadata__\": {\"format\": \"pt\"}}");
    // F32, F16 and BF16 are what the format calls them.
    String type = dtype.label().replace("loat", "").toUpperCase(Locale.ROOT);
    long end = 0;
    for (WeightPlan plan : plans) {
      ObjectNode entry = header.putObject(plan.name()).put("dtype", type);
      plan.shape().forEach(entry.putArray("shape")::add);
      long begin = end;
      end += plan.elements() * dtype.bytes();
      entry.putArray("data_offsets").add(begin).add(end);
    }
    String json = header.toString();
    // The data begins at a multiple of 8, as the format's own library has it; names are ASCII.
    byte[] text =
        (json + " ".repeat(Math.floorMod(-json.length(), 8))).getBytes(StandardCharsets.US_ASCII);
    long data = (long) Long.BYTES + text.length;
    try (Arena arena = Arena.ofShared();
        FileChannel channel = FileChannel.open(file, CREATE_NEW, READ, WRITE)) {
      MemorySegment map = channel.map(MapMode.READ_WRITE, 0, data + end, arena);
      map.set(LENGTH, 0, text.length);
      MemorySegment.copy(text, 0, map, ValueLayout.JAVA_BYTE, Long.BYTES, text.length);
      long at = data;
      for (WeightPlan plan : plans) {
        long bytes = plan.elements() * dtype.bytes();
        long ownSeed = seed * 31 + plan.name().hashCode();
        RandomNumbers.fill(map.asSlice(at, bytes), dtype, plan.centre(), plan.spread(), ownSeed);
        at += bytes;
      }
    }
    return end;
  }
}
