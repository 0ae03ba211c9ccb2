package org.pyramiddrop.loader;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.loader.SafetensorsWriter.Entry;

class SafetensorsWriterTest {
  @TempDir private Path folder;

  private final Map<String, byte[]> written = new HashMap<>();
  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);

  /** Fills a tensor with fresh bytes, which are kept. */
  private void fill(Entry tensor, MemorySegment out) {
    byte[] bytes = new byte[Math.toIntExact(out.byteSize())];
    random.nextBytes(bytes);
    written.put(tensor.name(), bytes);
    MemorySegment.copy(bytes, 0, out, JAVA_BYTE, 0, bytes.length);
  }

  private void compare(Entry expected, StoredTensor tensor) {
    assertThat(tensor.type()).isEqualTo(expected.type());
    assertThat(tensor.shape()).isEqualTo(expected.shape());
    assertThat(tensor.data().toArray(JAVA_BYTE))
        .as("%s, seed %d", expected, seed)
        .isEqualTo(written.get(expected.name()));
  }

  private static Entry entry(String name, StoredType type, Long... shape) {
    return new Entry(name, type, List.of(shape));
  }

  @ParameterizedTest
  @EnumSource
  void comesBackInEveryType(StoredType type) throws IOException {
    List<Entry> tensors =
        List.of(entry("odd", type, 3L, 1L, 8L), entry("none", type, 0L, 7L), entry("t", type, 8L));
    Path file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, tensors, this::fill);
    try (SafetensorsFile back = SafetensorsFile.open(file)) {
      assertThat(back.names()).containsExactly("odd", "none", "t");
      assertThat(back.metadata()).isEqualTo(Map.of("format", "pt"));
      tensors.forEach(tensor -> compare(tensor, back.tensor(tensor.name())));
    }
  }

  @Test
  void alignsTensorsToTheirElements() throws IOException {
    List<Entry> tensors =
        List.of(
            entry("byte", StoredType.U8, 3L),
            entry("scalar", StoredType.F64),
            entry("half", StoredType.BF16, 5L),
            entry("float", StoredType.F32, 1L, 3L));
    Path file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, tensors, this::fill);
    try (SafetensorsFile back = SafetensorsFile.open(file)) {
      assertThat(back.names()).containsExactly("scalar", "float", "half", "byte");
      tensors.forEach(tensor -> compare(tensor, back.tensor(tensor.name())));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a", "ab", "abc", "abcd", "größe", "层.0", "🦙"})
  void dataBeginsAtAMultipleOfEight(String name) throws IOException {
    Path file = folder.resolve("a.safetensors");
    Entry tensor = entry(name, StoredType.F32, 2L);
    SafetensorsWriter.write(file, List.of(tensor), this::fill);
    long header =
        ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    assertThat(header % 8).isZero();
    assertThat(Files.size(file)).isEqualTo(8 + header + 8);
    try (SafetensorsFile back = SafetensorsFile.open(file)) {
      compare(tensor, back.tensor(name));
    }
  }

  @Test
  void writesAFileWithoutTensors() throws IOException {
    Path file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, List.of(), this::fill);
    try (SafetensorsFile back = SafetensorsFile.open(file)) {
      assertThat(back.names()).isEmpty();
    }
  }

  @Test
  void fillsShardsInOrderAndListsThemInAnIndex() throws IOException {
    List<Entry> tensors = new ArrayList<>();
    tensors.add(entry("empty", StoredType.F32, 0L));
    for (int i = 0; i < 5; i++) {
      tensors.add(entry("layer." + i, StoredType.F16, 2L, 10L));
    }
    tensors.add(entry("too.large", StoredType.F32, 50L));
    tensors.add(entry("last", StoredType.I8));
    SafetensorsWriter.writeShards(folder, tensors, 90, this::fill);
    ShardIndex index = ShardIndex.read(folder.resolve("model.safetensors.index.json"));
    assertThat(index.files())
        .containsExactly(
            "model-00001-of-00005.safetensors",
            "model-00002-of-00005.safetensors",
            "model-00003-of-00005.safetensors",
            "model-00004-of-00005.safetensors",
            "model-00005-of-00005.safetensors");
    assertThat(index.shards())
        .containsEntry("layer.1", "model-00001-of-00005.safetensors")
        .containsEntry("layer.2", "model-00002-of-00005.safetensors")
        .containsEntry("too.large", "model-00004-of-00005.safetensors")
        .containsEntry("last", "model-00005-of-00005.safetensors");
    assertThat(Files.readString(folder.resolve("model.safetensors.index.json")))
        .contains("\"total_size\" : 401");
    try (Checkpoint back = Checkpoint.open(folder)) {
      assertThat(back.names()).hasSize(tensors.size());
      tensors.forEach(tensor -> compare(tensor, back.tensor(tensor.name())));
    }
  }

  @Test
  void leavesNothingBehindWhereTheDiskIsFull() throws IOException {
    List<Entry> tensors = List.of(entry("a", StoredType.U8, 100L), entry("b", StoredType.U8, 100L));
    Files.writeString(folder.resolve("old.safetensors"), "before");
    SafetensorsWriter.Data full =
        (tensor, out) -> {
          if (tensor.name().equals("b")) {
            throw new IOException("No space left on device");
          }
          fill(tensor, out);
        };
    for (String name : List.of("new.safetensors", "old.safetensors")) {
      assertThatThrownBy(() -> SafetensorsWriter.write(folder.resolve(name), tensors, full))
          .isInstanceOf(IOException.class)
          .hasMessage("No space left on device");
    }
    assertThatThrownBy(() -> SafetensorsWriter.writeShards(folder, tensors, 100, full))
        .isInstanceOf(IOException.class)
        .hasMessage("No space left on device");
    assertThat(folder.resolve("old.safetensors")).hasContent("before");
    try (var files = Files.list(folder)) {
      assertThat(files).containsExactly(folder.resolve("old.safetensors"));
    }
  }

  @Test
  void refusesWhatNoFileCanHold() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> entry("__metadata__", StoredType.U8, 1L))
        .withMessageContaining("__metadata__");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> entry("half \ud83e", StoredType.U8, 1L))
        .withMessage("no tensor can be called half \\ud83e");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> entry("a", StoredType.F4, 3L))
        .withMessage("a tensor of F4 can't be [3]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> entry("a", StoredType.F32, -2L))
        .withMessageContaining("[-2]");
    assertThatThrownBy(() -> entry("a", StoredType.F32, 1L << 62, 4L))
        .isInstanceOf(ArithmeticException.class);
    Entry twin = entry("a", StoredType.U8, 1L);
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> SafetensorsWriter.write(folder.resolve("f"), List.of(twin, twin), this::fill))
        .withMessage("two tensors are called 'a'");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SafetensorsWriter.writeShards(folder, List.of(), 1, this::fill))
        .withMessageContaining("at least one tensor");
  }
}
