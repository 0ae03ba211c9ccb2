package org.pyramiddrop.loader;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.pyramiddrop.loader.SafetensorsBytes.entry;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsFileTest {
  private static final ValueLayout.OfFloat LITTLE_ENDIAN_FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  @TempDir Path folder;

  private SafetensorsFile open(String header, byte... data) {
    return SafetensorsFile.open(
        SafetensorsBytes.write(
            folder.resolve("good.safetensors"), SafetensorsBytes.of(header, data)));
  }

  @Test
  void readsTensorsAtTheirOffsetsWhateverTheHeadersOrder() {
    byte[] data = new byte[20];
    new Random(7).nextBytes(data);
    try (SafetensorsFile file =
        open(
            "{"
                + entry("last", "I16", "[3,1]", 14, 20)
                + ","
                + entry("first", "U8", "[2,7]", 0, 14)
                + "}",
            data)) {
      assertThat(file.names()).containsExactly("last", "first");
      assertThat(file.contains("first")).isTrue();
      assertThat(file.contains("second")).isFalse();
      assertThat(file.bytes()).isEqualTo(20);
      StoredTensor first = file.tensor("first");
      assertThat(first.type()).isEqualTo(StoredType.U8);
      assertThat(first.shape()).containsExactly(2L, 7L);
      assertThat(first.dim(1)).isEqualTo(7);
      assertThat(first.elements()).isEqualTo(14);
      assertThat(first.data().toArray(JAVA_BYTE)).isEqualTo(Arrays.copyOfRange(data, 0, 14));
      StoredTensor last = file.tensor("last");
      assertThat(last.elements()).isEqualTo(3);
      assertThat(last.data().toArray(JAVA_BYTE)).isEqualTo(Arrays.copyOfRange(data, 14, 20));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 5, 7})
  void readsFloatsThatLieAtAnOddByte(int padding) {
    float[] values = {1.5f, -0.0f, Float.MIN_VALUE, -3.25e38f};
    ByteBuffer data = ByteBuffer.allocate(17).order(ByteOrder.LITTLE_ENDIAN).put((byte) 9);
    for (float value : values) {
      data.putFloat(value);
    }
    String header =
        "{"
            + entry("flag", "BOOL", "[]", 0, 1)
            + ","
            + entry("f", "F32", "[4]", 1, 17)
            + "}"
            + " ".repeat(padding);
    try (SafetensorsFile file = open(header, data.array())) {
      assertThat(file.tensor("f").data().toArray(LITTLE_ENDIAN_FLOAT)).isEqualTo(values);
      assertThat(file.tensor("flag").data().get(JAVA_BYTE, 0)).isEqualTo((byte) 9);
    }
  }

  @Test
  void readsAFileWithoutTensors() {
    try (SafetensorsFile file = open("{}      ")) {
      assertThat(file.names()).isEmpty();
      assertThat(file.bytes()).isZero();
      assertThat(file.metadata()).isEmpty();
    }
  }

  @Test
  void takesMetadataOfNullForNone() {
    try (SafetensorsFile file = open("{\"__metadata__\":null}")) {
      assertThat(file.metadata()).isEmpty();
      assertThat(file.names()).isEmpty();
    }
  }

  @Test
  void readsMetadata() {
    try (SafetensorsFile file =
        open("{\"__metadata__\":{\"format\":\"pt\",\"ünï\":\"\\u00e9\"}}")) {
      assertThat(file.metadata())
          .containsEntry("format", "pt")
          .containsEntry("ünï", "é")
          .hasSize(2);
      assertThat(file.names()).isEmpty();
    }
  }

  @Test
  void readsAScalar() {
    try (SafetensorsFile file =
        open(
            "{" + entry("test", "I32", "[]", 0, 4) + "}", (byte) 1, (byte) 0, (byte) 0, (byte) 0)) {
      StoredTensor scalar = file.tensor("test");
      assertThat(scalar.shape()).isEmpty();
      assertThat(scalar.elements()).isEqualTo(1);
      assertThat(scalar.data().byteSize()).isEqualTo(4);
    }
  }

  @Test
  void readsEmptyTensorsBeforeBetweenAndAfterOthers() {
    String header =
        "{"
            + entry("z", "F32", "[0,9223372036854775807]", 4, 4)
            + ","
            + entry("full", "F32", "[1]", 0, 4)
            + ","
            + entry("a", "I32", "[2,0]", 0, 0)
            + "}";
    try (SafetensorsFile file = open(header, new byte[4])) {
      assertThat(file.tensor("a").data().byteSize()).isZero();
      assertThat(file.tensor("z").elements()).isZero();
      assertThat(file.tensor("full").data().byteSize()).isEqualTo(4);
    }
    try (SafetensorsFile file = open("{" + entry("test", "I32", "[2,0]", 0, 0) + "}")) {
      assertThat(file.tensor("test").shape()).containsExactly(2L, 0L);
    }
  }

  @Test
  void takesAnyJsonWhitespaceAfterTheHeader() {
    try (SafetensorsFile file = open("{}\r \t\n")) {
      assertThat(file.names()).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(StoredType.class)
  void readsEveryTypeOfTheFormat(StoredType type) {
    byte[] data = new byte[type.bits()];
    try (SafetensorsFile file =
        open("{" + entry("t", type.name(), "[2,4]", 0, data.length) + "}", data)) {
      StoredTensor tensor = file.tensor("t");
      assertThat(tensor.type()).isEqualTo(type);
      assertThat(tensor.data().byteSize()).isEqualTo(type.bits());
    }
  }

  @Test
  void handsOutReadOnlyData() {
    try (SafetensorsFile file = open("{" + entry("a", "U8", "[1]", 0, 1) + "}", (byte) 5)) {
      assertThat(file.tensor("a").data().isReadOnly()).isTrue();
    }
  }

  @Test
  void readsTensorsPastTwoAndFourGigabytes() throws IOException {
    long gigabyte = 1L << 30;
    String header =
        "{"
            + entry("big", "F16", "[5,536870912]", 0, 5 * gigabyte)
            + ","
            + entry("end", "F32", "[2]", 5 * gigabyte, 5 * gigabyte + 8)
            + "}";
    byte[] bytes = SafetensorsBytes.of(header);
    Path path = SafetensorsBytes.write(folder.resolve("large.safetensors"), bytes);
    try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
      sparse.setLength(bytes.length + 5 * gigabyte + 8);
      sparse.seek(bytes.length + 3 * gigabyte + 1);
      sparse.write(0x5A);
      sparse.seek(bytes.length + 5 * gigabyte);
      sparse.write(
          ByteBuffer.allocate(8)
              .order(ByteOrder.LITTLE_ENDIAN)
              .putFloat(2.5f)
              .putFloat(-7f)
              .array());
    }
    Assertions.assertTimeout(
        Duration.ofSeconds(5),
        () -> {
          try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.tensor("big").data().get(JAVA_BYTE, 3 * gigabyte + 1))
                .isEqualTo((byte) 0x5A);
            assertThat(file.tensor("big").elements()).isEqualTo(5 * gigabyte / 2);
            assertThat(file.tensor("end").data().toArray(LITTLE_ENDIAN_FLOAT))
                .containsExactly(2.5f, -7f);
          }
        });
  }

  @Test
  void saysWhichTensorIsNotThere() {
    try (SafetensorsFile file = open("{}")) {
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> file.tensor("lm_head.weight"))
          .withMessageContaining("good.safetensors")
          .withMessageContaining("'lm_head.weight'");
    }
  }

  @Test
  void closesTwiceWithoutHarmAndRefusesUseAfterwards() {
    SafetensorsFile file = open("{" + entry("a", "U8", "[1]", 0, 1) + "}", (byte) 5);
    StoredTensor tensor = file.tensor("a");
    file.close();
    file.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> file.tensor("a"))
        .withMessageContaining("good.safetensors is closed");
    assertThatIllegalStateException().isThrownBy(() -> tensor.data().get(JAVA_BYTE, 0));
  }

  @Test
  void saysWhenThereIsNoFile() {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> SafetensorsFile.open(folder.resolve("none.safetensors")))
        .withMessageEndingWith("none.safetensors: no such file");
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> SafetensorsFile.open(folder))
        .withMessageEndingWith("not a regular file");
  }

  @Test
  void readsBackWhateverWasWritten() {
    // Any types and shapes, written back to back, come back as they were.
    Random random = new Random(20261122);
    StoredType[] types = StoredType.values();
    for (int round = 0; round < 50; round++) {
      StringBuilder header = new StringBuilder("{");
      int tensors = 1 + random.nextInt(7);
      long[] ends = new long[tensors];
      long end = 0;
      for (int i = 0; i < tensors; i++) {
        int rows = 1 + random.nextInt(5);
        StoredType type = types[random.nextInt(types.length)];
        long begin = end;
        end += (long) rows * 4 * type.bits() / 8;
        header
            .append(i == 0 ? "" : ",")
            .append(entry("t." + i, type.name(), "[" + rows + ",4]", begin, end));
        ends[i] = end;
      }
      byte[] data = new byte[(int) end];
      random.nextBytes(data);
      Path path = folder.resolve("round" + round + ".safetensors");
      SafetensorsBytes.write(path, SafetensorsBytes.of((header + "}").getBytes(UTF_8), data));
      try (SafetensorsFile file = SafetensorsFile.open(path)) {
        for (int i = 0; i < tensors; i++) {
          int begin = i == 0 ? 0 : (int) ends[i - 1];
          assertThat(file.tensor("t." + i).data().toArray(JAVA_BYTE))
              .isEqualTo(Arrays.copyOfRange(data, begin, (int) ends[i]));
        }
      }
    }
  }
}
