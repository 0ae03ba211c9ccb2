package org.pyramiddrop.loader;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.PrettyPrinter;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.DefaultPrettyPrinter;

/**
 * Writes safetensors files, one alone or the shards of a folder, as Hugging Face lays them out. No
 * more than one tensor is in memory at a time. Files are there whole or not at all, and are on the
 * disk when a method returns; a full disk is an {@link IOException}, which it couldn't be if files
 * were mapped.
 */
public final class SafetensorsWriter {
  private static final JsonFactory JSON = new JsonFactory();
  private static final ObjectWriteContext INDENTED =
      new ObjectWriteContext.Base() {
        @Override
        public PrettyPrinter getPrettyPrinter() {
          return new DefaultPrettyPrinter();
        }
      };

  /** The data begins at a multiple of this many bytes, as the format's own library has it. */
  private static final int ALIGNMENT = 8;

  /** A buffer of Java's channels is at most 2 GiB. */
  private static final long MOST_AT_ONCE = 1L << 28;

  private SafetensorsWriter() {}

  /**
   * A tensor to be written.
   *
   * @param type the type of its elements
   * @param shape its dimensions, outermost first; empty for a scalar
   */
  public record Entry(String name, StoredType type, List<Long> shape) {
    /** Refuses names and sizes that no file can have. */
    public Entry {
      shape = List.copyOf(shape);
      if (name.equals(SafetensorsHeader.METADATA)
          || !StandardCharsets.UTF_8.newEncoder().canEncode(name)) {
        throw new IllegalArgumentException("no tensor can be called " + OneLine.of(name));
      }
      type.bytes(shape);
    }

    /** How many bytes it takes. */
    public long bytes() {
      return type.bytes(shape);
    }
  }

  /** Knows the tensors' elements. */
  @FunctionalInterface
  public interface Data {
    /**
     * Writes all bytes of a tensor: row-major, little-endian.
     *
     * @param out as long as the tensor, of undefined content, accessible from every thread
     */
    void fill(Entry tensor, MemorySegment out) throws IOException;
  }

  /**
   * Writes one file. Elements of more bytes come first, so that each tensor is aligned to its own.
   *
   * @throws IOException if it can't be written, with the system's reason
   * @throws IllegalArgumentException if two tensors have one name
   */
  public static void write(Path file, List<Entry> tensors, Data data) throws IOException {
    refuseTwins(tensors);
    List<Entry> ordered =
        tensors.stream()
            .sorted(Comparator.comparingInt((Entry entry) -> entry.type().bits()).reversed())
            .toList();
    AtomicFile.writeToDisk(
        file,
        channel -> {
          writeAll(channel, ByteBuffer.wrap(header(ordered)));
          try (Arena arena = Arena.ofShared()) {
            long largest = ordered.stream().mapToLong(Entry::bytes).max().orElse(0);
            MemorySegment buffer = arena.allocate(largest, ALIGNMENT);
            for (Entry entry : ordered) {
              MemorySegment bytes = buffer.asSlice(0, entry.bytes());
              data.fill(entry, bytes);
              for (long at = 0; at < bytes.byteSize(); at += MOST_AT_ONCE) {
                long length = Math.min(MOST_AT_ONCE, bytes.byteSize() - at);
                writeAll(channel, bytes.asSlice(at, length).asByteBuffer());
              }
            }
          }
        });
  }

  /**
   * Writes the shards of a checkpoint, {@code model-00001-of-00002.safetensors} and so on, and then
   * {@code model.safetensors.index.json}. If one can't be written, those before it are deleted.
   *
   * @param folder an existing one, without a checkpoint
   * @param tensors fill the shards in this order
   * @param shardBytes of tensors in a shard at most, unless one alone is larger
   * @throws IOException if one can't be written, with the system's reason
   * @throws IllegalArgumentException if there is no tensor, or if two have one name
   */
  public static void writeShards(Path folder, List<Entry> tensors, long shardBytes, Data data)
      throws IOException {
    refuseTwins(tensors);
    List<List<Entry>> shards = split(tensors, shardBytes);
    List<Path> written = new ArrayList<>();
    boolean whole = false;
    try {
      Map<String, String> files = new LinkedHashMap<>();
      for (List<Entry> shard : shards) {
        String name = "model-%05d-of-%05d.safetensors".formatted(written.size() + 1, shards.size());
        written.add(folder.resolve(name));
        write(written.getLast(), shard, data);
        shard.forEach(entry -> files.put(entry.name(), name));
      }
      byte[] index = index(files, tensors.stream().mapToLong(Entry::bytes).sum());
      AtomicFile.writeToDisk(
          folder.resolve(Checkpoint.INDEX), channel -> writeAll(channel, ByteBuffer.wrap(index)));
      whole = true;
    } finally {
      for (Path file : whole ? List.<Path>of() : written) {
        Files.deleteIfExists(file);
      }
    }
  }

  private static void refuseTwins(List<Entry> tensors) {
    Set<String> names = new HashSet<>();
    for (Entry entry : tensors) {
      if (!names.add(entry.name())) {
        throw new IllegalArgumentException(
            "two tensors are called '" + OneLine.of(entry.name()) + "'");
      }
    }
  }

  private static List<List<Entry>> split(List<Entry> tensors, long shardBytes) {
    if (tensors.isEmpty()) {
      throw new IllegalArgumentException("a checkpoint needs at least one tensor");
    }
    List<List<Entry>> shards = new ArrayList<>(List.of(new ArrayList<>()));
    long filled = 0;
    for (Entry entry : tensors) {
      if (filled > 0 && filled + entry.bytes() > shardBytes) {
        shards.add(new ArrayList<>());
        filled = 0;
      }
      shards.getLast().add(entry);
      filled += entry.bytes();
    }
    return shards;
  }

  /** The header behind its length, filled up with spaces. */
  private static byte[] header(List<Entry> tensors) {
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonGenerator out = JSON.createGenerator(ObjectWriteContext.empty(), json)) {
      out.writeStartObject();
      out.writeObjectPropertyStart(SafetensorsHeader.METADATA);
      out.writeStringProperty("format", "pt");
      out.writeEndObject();
      long end = 0;
      for (Entry entry : tensors) {
        out.writeObjectPropertyStart(entry.name());
        out.writeStringProperty("dtype", entry.type().name());
        writeNumbers(out, "shape", entry.shape());
        writeNumbers(out, "data_offsets", List.of(end, end + entry.bytes()));
        out.writeEndObject();
        end += entry.bytes();
      }
      out.writeEndObject();
    }
    int length = Math.ceilDiv(json.size(), ALIGNMENT) * ALIGNMENT;
    json.writeBytes(" ".repeat(length - json.size()).getBytes(StandardCharsets.US_ASCII));
    return ByteBuffer.allocate(Long.BYTES + length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(length)
        .put(json.toByteArray())
        .array();
  }

  private static void writeNumbers(JsonGenerator out, String name, List<Long> numbers) {
    out.writeArrayPropertyStart(name);
    numbers.forEach(out::writeNumber);
    out.writeEndArray();
  }

  private static byte[] index(Map<String, String> files, long bytes) {
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonGenerator out = JSON.createGenerator(INDENTED, json)) {
      out.writeStartObject();
      out.writeObjectPropertyStart("metadata");
      out.writeNumberProperty("total_size", bytes);
      out.writeEndObject();
      out.writeObjectPropertyStart("weight_map");
      files.forEach(out::writeStringProperty);
      out.writeEndObject();
      out.writeEndObject();
    }
    json.write('\n');
    return json.toByteArray();
  }

  private static void writeAll(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }
}
