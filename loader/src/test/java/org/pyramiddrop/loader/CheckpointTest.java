package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.pyramiddrop.loader.SafetensorsBytes.entry;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {
  private static final String INDEX = "model.safetensors.index.json";

  @TempDir Path parent;
  private Path folder = Path.of("");

  @BeforeEach
  void makeFolder() throws IOException {
    folder = Files.createDirectory(parent.resolve("model"));
  }

  private void writeIndex(String weightMap) throws IOException {
    Files.writeString(
        folder.resolve(INDEX),
        "{\"metadata\":{\"total_size\":16},\"weight_map\":" + weightMap + "}");
  }

  private void writeTwoShards() throws IOException {
    SafetensorsBytes.writeFloats(folder.resolve("model-1.safetensors"), "a", 1, 2);
    SafetensorsBytes.writeFloats(folder.resolve("model-2.safetensors"), "b", 3, 4);
    writeIndex("{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\"}");
  }

  private static float second(StoredTensor tensor) {
    return tensor.data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4);
  }

  private void assertRefused(String... said) {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> Checkpoint.open(folder).close())
        .satisfies(e -> assertThat(e).hasMessageContainingAll(said))
        .satisfies(e -> assertThat(e).message().hasLineCount(1));
  }

  @Test
  void readsASingleFile() {
    SafetensorsBytes.writeFloats(folder.resolve("model.safetensors"), "a", 1, 2);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(checkpoint.folder()).isEqualTo(folder);
      assertThat(checkpoint.names()).containsExactly("a");
      assertThat(checkpoint.files()).isEqualTo(1);
      assertThat(checkpoint.bytes()).isEqualTo(8);
      assertThat(second(checkpoint.weight("a", 2))).isEqualTo(2f);
    }
  }

  @Test
  void readsShards() throws IOException {
    writeTwoShards();
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(checkpoint.names()).containsExactly("a", "b");
      assertThat(checkpoint.contains("b")).isTrue();
      assertThat(checkpoint.contains("c")).isFalse();
      assertThat(checkpoint.files()).isEqualTo(2);
      assertThat(checkpoint.bytes()).isEqualTo(16);
      assertThat(second(checkpoint.tensor("a"))).isEqualTo(2f);
      assertThat(second(checkpoint.tensor("b"))).isEqualTo(4f);
    }
  }

  @Test
  void readsFilesThatAreLinksOutOfTheFolder(@TempDir Path blobs) throws IOException {
    SafetensorsBytes.writeFloats(blobs.resolve("9f86d081"), "a", 1, 2);
    Files.createSymbolicLink(folder.resolve("model-1.safetensors"), blobs.resolve("9f86d081"));
    writeIndex("{\"a\":\"model-1.safetensors\"}");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(second(checkpoint.tensor("a"))).isEqualTo(2f);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../x.safetensors",
        "..",
        ".",
        "",
        " ",
        "sub/x.safetensors",
        "/etc/x.safetensors",
        "..\\\\x.safetensors",
        "C:x.safetensors",
        "x\\u0000.safetensors"
      })
  void refusesAnIndexThatNamesFilesElsewhere(String shard) throws IOException {
    // The file is there: it is the name that is refused.
    SafetensorsBytes.writeFloats(folder.resolveSibling("x.safetensors"), "a", 1, 2);
    Files.createDirectories(folder.resolve("sub"));
    SafetensorsBytes.writeFloats(folder.resolve("sub/x.safetensors"), "a", 1, 2);
    writeIndex("{\"a\":\"" + shard + "\"}");
    assertRefused(INDEX, "tensor 'a'", "its own folder only");
  }

  @Test
  void refusesAnIndexWhoseShardIsMissing() throws IOException {
    writeTwoShards();
    Files.delete(folder.resolve("model-2.safetensors"));
    assertRefused(INDEX, "tensor 'b'", "'model-2.safetensors' is missing");
  }

  private void writeShard(String shard, String... names) {
    StringBuilder header = new StringBuilder();
    byte[] data = new byte[names.length];
    for (int i = 0; i < names.length; i++) {
      header.append(i == 0 ? "{" : ",").append(entry(names[i], "U8", "[1]", i, i + 1));
      // Tells copies apart.
      data[i] = (byte) shard.charAt("model-".length());
    }
    SafetensorsBytes.write(folder.resolve(shard), SafetensorsBytes.of(header + "}", data));
  }

  private static char shardOf(Checkpoint checkpoint, String name) {
    return (char) checkpoint.tensor(name).data().get(ValueLayout.JAVA_BYTE, 0);
  }

  @Test
  void takesATensorFromWhereItLiesIfTheIndexNamesAnotherShard() throws IOException {
    writeShard("model-1.safetensors", "a");
    writeShard("model-2.safetensors", "b");
    writeIndex("{\"b\":\"model-1.safetensors\",\"a\":\"model-2.safetensors\"}");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(shardOf(checkpoint, "a")).isEqualTo('1');
      assertThat(shardOf(checkpoint, "b")).isEqualTo('2');
    }
  }

  @Test
  void missesATensorOfTheIndexThatNoShardHasWhenItIsWanted() throws IOException {
    writeTwoShards();
    writeIndex(
        "{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\",\"c\":\"model-2.safetensors\"}");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(checkpoint.contains("c")).isFalse();
      assertThat(checkpoint.names()).containsExactly("a", "b");
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> checkpoint.weight("c", 2))
          .withMessage(
              folder.resolve(INDEX)
                  + ": tensor 'c': the index puts it in model-2.safetensors, which lacks it");
    }
  }

  @Test
  void takesATensorThatTheIndexDoesNotList() throws IOException {
    writeTwoShards();
    writeShard("model-2.safetensors", "b", "unlisted");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(checkpoint.names()).containsExactly("a", "b", "unlisted");
      assertThat(shardOf(checkpoint, "unlisted")).isEqualTo('2');
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void takesOfSeveralCopiesTheOneInTheShardThatTheIndexNames(int named) throws IOException {
    writeShard("model-1.safetensors", "x", "a");
    writeShard("model-2.safetensors", "b", "x");
    writeShard("model-3.safetensors", "x");
    writeIndex(
        "{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\",\"c\":\"model-3.safetensors\",\"x\":\"model-%d.safetensors\"}"
            .formatted(named));
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(shardOf(checkpoint, "x")).isEqualTo((char) ('0' + named));
      assertThat(checkpoint.names()).containsExactlyInAnyOrder("a", "b", "x");
      assertThat(checkpoint.bytes()).isEqualTo(3);
    }
  }

  @Test
  void refusesASecondCopyOfWhichTheIndexSaysNothing() throws IOException {
    writeShard("model-1.safetensors", "a", "x");
    writeShard("model-2.safetensors", "b", "x");
    writeIndex("{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\"}");
    assertRefused("model-2.safetensors", "tensor 'x'", "is in model-1.safetensors too");
    writeShard("model-3.safetensors", "c");
    writeIndex(
        "{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\",\"x\":\"model-3.safetensors\"}");
    assertRefused("model-2.safetensors", "tensor 'x'", "is in model-1.safetensors too");
  }

  @Test
  void saysThatAnIndexIsAGitLfsPointer() throws IOException {
    Files.writeString(
        folder.resolve(INDEX),
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
    assertRefused(INDEX, "is a Git LFS pointer", "git lfs pull");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\\ud800", "a\\udc00.safetensors", "\\ude00\\ud83d"})
  void refusesAShardWhoseNameNoFileCanHave(String shard) throws IOException {
    writeIndex("{\"a\":\"" + shard + "\"}");
    assertRefused(INDEX, "tensor 'a'", "\\u", "can't be the name of a file");
  }

  @Test
  void cutsLongNamesOfAnIndexToAReadableLength() throws IOException {
    String name = "n".repeat(50_000);
    for (String weightMap :
        List.of(
            "{\"" + name + "\":\"" + name + "\"}",
            "{\"a\":\"" + name + "\"}",
            "{\"a\":\"" + name + "/\"}",
            "{\"" + name + "\":1}")) {
      writeIndex(weightMap);
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> Checkpoint.open(folder).close())
          .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(1000).contains("…"));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "{} | weight_map must be an object",
        "[] | weight_map must be an object",
        "null | weight_map must be an object",
        "\"a\" | weight_map must be an object",
        "{\"a\":1} | tensor 'a': weight_map must name a file",
        "{\"a\":\"x\",\"a\":\"y\"} | Duplicate",
        "{\"a\": | not valid JSON"
      })
  void refusesAnIndexThatIsMalformed(String weightMap, String rule) throws IOException {
    writeIndex(weightMap);
    assertRefused(INDEX, rule);
  }

  @Test
  void refusesAFolderWithoutSafetensors() throws IOException {
    Files.writeString(folder.resolve("pytorch_model.bin"), "");
    assertRefused(folder.toString(), "neither model.safetensors nor " + INDEX, "only safetensors");
  }

  @Test
  void refusesAFolderThatIsNone() throws IOException {
    Path file = Files.writeString(folder.resolve("f"), "");
    for (Path none : new Path[] {folder.resolve("none"), file}) {
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> Checkpoint.open(none))
          .withMessageContaining(none.toString())
          .withMessageContaining("folder");
    }
  }

  @Test
  void handsOutWeightsOfTheAskedShapeOnly() {
    SafetensorsBytes.writeFloats(folder.resolve("model.safetensors"), "a", 1, 2);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      for (long[] shape : new long[][] {{}, {1, 2}, {2, 1}, {3}}) {
        assertThatExceptionOfType(CheckpointException.class)
            .isThrownBy(() -> checkpoint.weight("a", shape))
            .withMessageContaining("tensor 'a'")
            .withMessageContaining("[2]");
      }
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> checkpoint.weight("b", 2))
          .withMessageContaining("tensor 'b'");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"F32", "F16", "BF16", "F64", "I8", "I32", "F8_E4M3", "BOOL", "C64"})
  void handsOutWeightsOfTheThreeFloatTypesOnly(String type) {
    int bytes = StoredType.valueOf(type).bits() / 8;
    SafetensorsBytes.write(
        folder.resolve("model.safetensors"),
        SafetensorsBytes.of("{" + entry("w", type, "[1]", 0, bytes) + "}", new byte[bytes]));
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      if (type.equals("F32") || type.equals("F16") || type.equals("BF16")) {
        assertThat(checkpoint.weight("w", 1).type().name()).isEqualTo(type);
      } else {
        assertThatExceptionOfType(CheckpointException.class)
            .isThrownBy(() -> checkpoint.weight("w", 1))
            .withMessageContaining("tensor 'w'")
            .withMessageEndingWith("this one is " + type);
      }
      assertThat(checkpoint.tensor("w").type().name()).isEqualTo(type);
    }
  }

  @Test
  void closesTwiceWithoutHarmAndRefusesUseAfterwards() throws IOException {
    writeTwoShards();
    Checkpoint checkpoint = Checkpoint.open(folder);
    checkpoint.close();
    checkpoint.close();
    assertThatIllegalStateException().isThrownBy(() -> checkpoint.tensor("b"));
  }

  @Test
  void opensFourteenGigabytesInUnderASecond() throws IOException {
    // Three shards of 291 tensors together, as a 7B model has them; sparse, so that they take no
    // room on disk.
    long each = 50_331_648;
    StringBuilder weightMap = new StringBuilder();
    for (int shard = 0; shard < 3; shard++) {
      StringBuilder header = new StringBuilder();
      for (int i = 0; i < 97; i++) {
        String name = "language_model.model.layers." + shard + "." + i + ".weight";
        header
            .append(i == 0 ? "{" : ",")
            .append(entry(name, "BF16", "[4096,6144]", i * each, (i + 1) * each));
        weightMap.append(weightMap.isEmpty() ? "{" : ",");
        weightMap.append("\"" + name + "\":\"model-" + shard + ".safetensors\"");
      }
      byte[] bytes = SafetensorsBytes.of(header + "}");
      Path path = SafetensorsBytes.write(folder.resolve("model-" + shard + ".safetensors"), bytes);
      try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
        sparse.setLength(bytes.length + 97 * each);
      }
    }
    writeIndex(weightMap + "}");
    // What counts is that no data is read, not how long classes take to load.
    Checkpoint.open(folder).close();
    Assertions.assertTimeout(
        Duration.ofSeconds(1),
        () -> {
          try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            assertThat(checkpoint.bytes()).isEqualTo(291 * each);
            assertThat(checkpoint.names()).hasSize(291);
          }
        });
  }
}
