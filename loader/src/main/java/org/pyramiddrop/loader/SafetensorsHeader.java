package org.pyramiddrop.loader;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.loader.json.JsonValue;

/**
 * What a safetensors file says of itself, checked in full before a byte of its data is mapped:
 * every tensor's size follows from its shape and type, and the tensors tile the data part with no
 * hole and no overlap.
 *
 * @param dataOffset where the data part starts in the file
 * @param dataSize its length in bytes
 * @param tensors the tensors by name, in the header's order
 * @param metadata free text by key
 */
record SafetensorsHeader(
    long dataOffset, long dataSize, Map<String, Entry> tensors, Map<String, String> metadata) {
  private static final int LENGTH_BYTES = 8;
  private static final long LONGEST_HEADER = 100_000_000;

  /** What stands where a name would, before the file's notes on itself. */
  static final String METADATA = "__metadata__";

  /** One tensor: its bytes are {@code begin} (included) to {@code end} of the data part. */
  record Entry(StoredType type, List<Long> shape, long begin, long end) {}

  static SafetensorsHeader read(Path file, FileChannel channel) throws IOException {
    long size = channel.size();
    if (size < LENGTH_BYTES) {
      throw new CheckpointException(
          file, "a safetensors file has at least 8 bytes, this one has " + size);
    }
    // Else its first letters would be taken for a length.
    int start = (int) Math.min(size, LargeFileStorage.bytesNeeded());
    if (LargeFileStorage.isPointer(readFully(channel, 0, start).array())) {
      throw new CheckpointException(file, LargeFileStorage.ADVICE);
    }
    long length = readFully(channel, 0, LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    if (length < 0 || length > LONGEST_HEADER) {
      throw new CheckpointException(
          file,
          "the header may be "
              + LONGEST_HEADER
              + " bytes long, this one claims "
              + Long.toUnsignedString(length));
    }
    long dataOffset = LENGTH_BYTES + length;
    if (dataOffset > size) {
      throw new CheckpointException(
          file, "the header claims " + length + " bytes, which reaches past the file's " + size);
    }
    ByteBuffer header = readFully(channel, LENGTH_BYTES, (int) length);
    if (length == 0 || header.get(0) != '{') {
      throw new CheckpointException(file, "the header must start with '{'");
    }
    JsonValue.Obj root = Json.parseObject(file, header, "the header");

    Map<String, Entry> tensors = new LinkedHashMap<>();
    Map<String, String> metadata = Map.of();
    for (Map.Entry<String, JsonValue> property : root.properties().entrySet()) {
      if (property.getKey().equals(METADATA)) {
        metadata = metadata(file, property.getValue());
      } else {
        tensors.put(property.getKey(), entry(file, property.getKey(), property.getValue()));
      }
    }
    checkTiling(file, tensors, size - dataOffset);
    return new SafetensorsHeader(
        dataOffset, size - dataOffset, Collections.unmodifiableMap(tensors), metadata);
  }

  private static ByteBuffer readFully(FileChannel channel, long position, int length)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length);
    while (buffer.hasRemaining()) {
      int read = channel.read(buffer, position + buffer.position());
      if (read < 0) {
        throw new EOFException("the file shrank while it was read");
      }
    }
    return buffer.flip();
  }

  private static Map<String, String> metadata(Path file, JsonValue value) {
    // The reference reader takes null for none.
    if (value instanceof JsonValue.Null) {
      return Map.of();
    }
    if (!(value instanceof JsonValue.Obj object)) {
      throw new CheckpointException(file, METADATA + " must map strings to strings");
    }
    Map<String, String> metadata = new LinkedHashMap<>();
    for (Map.Entry<String, JsonValue> property : object.properties().entrySet()) {
      if (!(property.getValue() instanceof JsonValue.Str(String text))) {
        throw new CheckpointException(
            file,
            METADATA
                + " must map strings to strings, '"
                + OneLine.shorten(property.getKey())
                + "' does not");
      }
      metadata.put(property.getKey(), text);
    }
    return Collections.unmodifiableMap(metadata);
  }

  private static Entry entry(Path file, String name, JsonValue value) {
    if (!(value instanceof JsonValue.Obj fields)) {
      throw new CheckpointException(file, name, "its header entry must be a JSON object");
    }
    if (!(fields.get("dtype") instanceof JsonValue.Str(String dtype))) {
      throw new CheckpointException(file, name, "dtype must be a string");
    }
    StoredType type =
        StoredType.named(dtype)
            .orElseThrow(() ->
                new CheckpointException(
                    file, name, "unknown dtype '" + OneLine.shorten(dtype) + "'"));
    List<Long> shape = naturals(file, name, fields, "shape");
    List<Long> offsets = naturals(file, name, fields, "data_offsets");
    if (offsets.size() != 2 || offsets.get(0) > offsets.get(1)) {
      throw new CheckpointException(
          file, name, "data_offsets must be a begin and an end no smaller, not " + shown(offsets));
    }
    Entry entry = new Entry(type, shape, offsets.get(0), offsets.get(1));
    long bytes = bytes(file, name, type, shape);
    if (entry.end() - entry.begin() != bytes) {
      throw new CheckpointException(
          file,
          name,
          "%s %s takes %d bytes, its data_offsets %s span %d"
              .formatted(type, shown(shape), bytes, offsets, entry.end() - entry.begin()));
    }
    return entry;
  }

  private static List<Long> naturals(Path file, String name, JsonValue.Obj entry, String key) {
    if (!(entry.get(key) instanceof JsonValue.Arr(List<JsonValue> values))) {
      throw new CheckpointException(file, name, key + " must be a list of integers");
    }
    List<Long> naturals = new ArrayList<>(values.size());
    for (JsonValue value : values) {
      if (!(value instanceof JsonValue.Whole(long natural)) || natural < 0) {
        throw new CheckpointException(
            file,
            name,
            key
                + " must hold integers from 0 to 2^63 - 1, not "
                + OneLine.shorten(value.toString()));
      }
      naturals.add(natural);
    }
    return List.copyOf(naturals);
  }

  private static long bytes(Path file, String name, StoredType type, List<Long> shape) {
    try {
      return type.bytes(shape);
    } catch (ArithmeticException e) {
      throw new CheckpointException(
          file, name, "the size of " + type + " " + shown(shape) + " overflows");
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(
          file, name, type + " " + shown(shape) + " does not end at a whole byte");
    }
  }

  private static String shown(List<Long> numbers) {
    return OneLine.shorten(numbers.toString());
  }

  private static void checkTiling(Path file, Map<String, Entry> tensors, long dataSize) {
    List<Map.Entry<String, Entry>> inOrder = new ArrayList<>(tensors.entrySet());
    inOrder.sort(
        Comparator.comparingLong((Map.Entry<String, Entry> e) -> e.getValue().begin())
            .thenComparingLong(e -> e.getValue().end()));
    long reached = 0;
    for (Map.Entry<String, Entry> tensor : inOrder) {
      long begin = tensor.getValue().begin();
      if (begin != reached) {
        throw new CheckpointException(
            file,
            tensor.getKey(),
            "its data starts at byte %d, %s the tensor before it, which ends at %d"
                .formatted(begin, begin < reached ? "inside" : "with a hole after", reached));
      }
      reached = tensor.getValue().end();
    }
    if (reached != dataSize) {
      throw new CheckpointException(
          file, "the tensors take " + reached + " bytes of data, the file holds " + dataSize);
    }
  }
}
