package org.pyramiddrop.training.files;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.SafetensorsWriter;
import org.pyramiddrop.loader.StopTokens;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.loader.StoredType;
import org.pyramiddrop.loader.Tokenizer;

class ModelFolderWriterTest {
  private static final Path FIXTURES = Path.of("../src/test/resources/fixtures");

  @TempDir private Path temp;
  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);
  private Path source;
  private Path target;

  @BeforeEach
  void makeSource() throws IOException {
    source = Files.createDirectories(temp.resolve("source"));
    target = temp.resolve("größe 🙂");
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    for (StoredType type : List.of(StoredType.F32, StoredType.F16, StoredType.BF16)) {
      entries.add(new SafetensorsWriter.Entry(type + ".matrix 层", type, List.of(7L, 5L)));
      entries.add(new SafetensorsWriter.Entry(type + ".vector", type, List.of(3L)));
      entries.add(new SafetensorsWriter.Entry(type + ".scalar", type, List.of()));
      entries.add(new SafetensorsWriter.Entry(type + ".empty", type, List.of(0L, 4L)));
    }
    entries.add(new SafetensorsWriter.Entry("position_ids", StoredType.I64, List.of(1L, 9L)));
    entries.add(new SafetensorsWriter.Entry("mask", StoredType.BOOL, List.of(3L)));
    SafetensorsWriter.write(
        source.resolve("model.safetensors"),
        entries,
        (entry, out) -> {
          if (entry.type().isWeight()) {
            float[] values =
                Numbers.random((int) (entry.bytes() * 8 / entry.type().bits()), random);
            StoredNumbers.write(entry.name(), values, entry.type(), out);
          } else {
            for (long i = 0; i < out.byteSize(); i++) {
              out.set(JAVA_BYTE, i, (byte) random.nextInt());
            }
          }
        });
    Files.writeString(
        source.resolve("config.json"), "{\"torch_dtype\": \"float32\", \"a\": 1e-05}");
  }

  /** Numbers that fall between those of smaller types, at ties too. */
  private float[] fresh(int count) {
    float[] values = Numbers.random(count, random);
    for (int i = 0; i < count; i++) {
      values[i] =
          switch (i % 6) {
            case 0 -> Float.intBitsToFloat((Float.floatToIntBits(values[i]) & 0xFFFF0000) | 0x8000);
            case 1 -> Float.intBitsToFloat((Float.floatToIntBits(values[i]) & 0xFFFFE000) | 0x1000);
            case 2 -> -0f;
            case 3 -> values[i] * 1e-7f;
            default -> values[i];
          };
    }
    return values;
  }

  /** The nearest number of a type, halves to even; by distance alone. */
  private static float nearest(float value, StoredType type) {
    if (type == StoredType.F32) {
      return value;
    }
    int least = type == StoredType.F16 ? -24 : -133;
    int digits = type == StoredType.F16 ? 11 : 8;
    int exponent = Math.max(Math.getExponent(value) - digits + 1, least);
    double scaled = value / Math.pow(2, exponent);
    return (float) (Math.rint(scaled) * Math.pow(2, exponent));
  }

  static Stream<Optional<DType>> dtypes() {
    return Stream.concat(Stream.of(Optional.empty()), DType.single().stream().map(Optional::of));
  }

  @ParameterizedTest
  @MethodSource("dtypes")
  void writesNewNumbersAndKeepsTheOthers(Optional<DType> dtype) throws IOException {
    Map<String, float[]> fresh = new LinkedHashMap<>();
    Map<String, Supplier<float[]>> trained = new LinkedHashMap<>();
    try (Checkpoint before = Checkpoint.open(source)) {
      for (String name : before.names()) {
        if (name.endsWith("matrix 层") || name.equals("BF16.scalar") || name.equals("F16.empty")) {
          float[] values = fresh((int) before.tensor(name).elements());
          fresh.put(name, values);
          trained.put(name, () -> values);
        }
      }
      ModelFolderWriter.write(before, target, trained, dtype);
      try (Checkpoint after = Checkpoint.open(target)) {
        assertThat(after.names()).containsExactlyInAnyOrderElementsOf(before.names());
        for (String name : before.names()) {
          StoredTensor old = before.tensor(name);
          StoredTensor now = after.tensor(name);
          assertThat(now.shape()).isEqualTo(old.shape());
          if (!old.type().isWeight()) {
            assertThat(now.type()).isEqualTo(old.type());
            assertThat(now.data().mismatch(old.data())).as(name).isEqualTo(-1);
            continue;
          }
          assertThat(now.type()).isEqualTo(dtype.map(StoredNumbers::type).orElse(old.type()));
          float[] expected = fresh.getOrDefault(name, Numbers.floats(old)).clone();
          for (int i = 0; i < expected.length; i++) {
            expected[i] = nearest(expected[i], now.type());
          }
          assertThat(Numbers.bits(Numbers.floats(now)))
              .as("%s, seed %d", name, seed)
              .isEqualTo(Numbers.bits(expected));
        }
      }
    }
    assertThat(target.resolve("config.json"))
        .hasContent(
            "{\"torch_dtype\": \"%s\", \"a\": 1e-05}"
                .formatted(dtype.map(DType::label).orElse("float32")));
    assertThat(target.resolve("model.safetensors")).exists();
  }

  @Test
  void splitsWhatDoesNotFitIntoShards() throws IOException {
    try (Checkpoint before = Checkpoint.open(source)) {
      long bytes = before.bytes();
      ModelFolderWriter.write(before, target, Map.of(), Optional.empty(), bytes - 1);
      assertThat(names(target))
          .containsExactly(
              "config.json",
              "model-00001-of-00002.safetensors",
              "model-00002-of-00002.safetensors",
              "model.safetensors.index.json");
      same(before, target);
      // And back, over it, as one file.
      try (Checkpoint sharded = Checkpoint.open(target)) {
        Path one = temp.resolve("one");
        ModelFolderWriter.write(sharded, one, Map.of(), Optional.empty(), bytes);
        assertThat(names(one)).containsExactly("config.json", "model.safetensors");
        same(before, one);
      }
      ModelFolderWriter.write(before, target, Map.of(), Optional.empty(), bytes);
      assertThat(names(target)).containsExactly("config.json", "model.safetensors");
      same(before, target);
    }
  }

  private static void same(Checkpoint before, Path folder) {
    try (Checkpoint after = Checkpoint.open(folder)) {
      assertThat(after.names()).hasSameSizeAs(before.names());
      for (String name : before.names()) {
        assertThat(after.tensor(name).type()).isEqualTo(before.tensor(name).type());
        assertThat(after.tensor(name).shape()).isEqualTo(before.tensor(name).shape());
        assertThat(after.tensor(name).data().mismatch(before.tensor(name).data()))
            .as(name)
            .isEqualTo(-1);
      }
    }
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void copiesWhatBelongsToTheModelAndNoWeights() throws IOException {
    List<String> copied =
        List.of(
            ".gitattributes",
            "LICENSE",
            "chat_template.jinja",
            "generation_config.json",
            "merges.txt",
            "prévisions.json",
            "tokenizer.json",
            "tokenizer.model");
    for (String name : copied) {
      Files.writeString(source.resolve(name), "this is " + name);
    }
    for (String name :
        List.of(
            "pytorch_model.bin",
            "pytorch_model.bin.index.json",
            "model.safetensors.index.json",
            "adapter_model.safetensors",
            "optimizer.pt",
            "model.Q4.GGUF",
            "train.csv",
            "training_state.json",
            ".model.safetensors.1a.part")) {
      Files.writeString(source.resolve(name), "not this");
    }
    Path linked = Files.writeString(temp.resolve("linked"), "from elsewhere");
    Files.createSymbolicLink(source.resolve("linked.json"), linked);
    Files.createDirectories(source.resolve("onnx"));
    Files.writeString(source.resolve("onnx/config.json"), "not this");
    try (Checkpoint checkpoint = Checkpoint.open(source)) {
      ModelFolderWriter.write(checkpoint, target, Map.of(), Optional.empty());
    }
    List<String> expected = new ArrayList<>(copied);
    expected.addAll(List.of("config.json", "linked.json", "model.safetensors"));
    assertThat(names(target)).containsExactlyInAnyOrderElementsOf(expected);
    for (String name : copied) {
      assertThat(target.resolve(name)).hasContent("this is " + name);
    }
    assertThat(target.resolve("linked.json")).isRegularFile().hasContent("from elsewhere");
    assertThat(Files.isSymbolicLink(target.resolve("linked.json"))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mha-float32",
        "mha-float16",
        "gqa-bfloat16-sharded",
        "next-llama3-float16",
        "next-mistral-bfloat16-sharded",
        "original-anyres"
      })
  void whatIsWrittenLoadsAsTheModelThatItWas(String name) throws IOException {
    Path folder = FIXTURES.resolve(name);
    Path tower = name.startsWith("original") ? FIXTURES.resolve("original-clip") : null;
    LlavaConfig config = LlavaConfig.read(folder, tower);
    try (Checkpoint before = Checkpoint.open(folder)) {
      ModelFolderWriter.write(before, target, Map.of(), Optional.of(DType.FLOAT32));
      try (Checkpoint after = Checkpoint.open(target);
          Tokenizer tokenizer = Tokenizer.open(target)) {
        assertThat(LlavaConfig.read(target, tower)).isEqualTo(config);
        assertThat(StopTokens.read(target, config)).isEqualTo(StopTokens.read(folder, config));
        assertThat(ChatTemplate.read(target).name()).isEqualTo(ChatTemplate.read(folder).name());
        assertThat(tokenizer.encode("a", true)).isNotEmpty();
        assertThat(ModelDescription.of(config, after, after))
            .isEqualTo(ModelDescription.of(config, before, before));
        for (String tensor : before.names()) {
          assertThat(after.tensor(tensor).type()).isEqualTo(StoredType.F32);
          assertThat(Numbers.floats(after.tensor(tensor)))
              .as(tensor)
              .isEqualTo(Numbers.floats(before.tensor(tensor)));
        }
      }
    }
  }

  private void refused(float[] values, String name, Optional<DType> dtype, String message) {
    try (Checkpoint checkpoint = Checkpoint.open(source)) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> ModelFolderWriter.write(checkpoint, target, Map.of(name, () -> values), dtype))
          .withMessage(message);
    }
    assertThat(temp).isDirectoryNotContaining(file -> !file.equals(source));
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void refusesNumbersThatAreNone(DType dtype) {
    for (float none : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
      refused(
          new float[] {1, 2, none},
          "BF16.vector",
          Optional.of(dtype),
          "tensor 'BF16.vector' has become %s at element 2; the run diverged, and its model isn't saved"
              .formatted(none));
    }
  }

  @Test
  void refusesNumbersThatTheTypeCannotHold() throws IOException {
    refused(
        new float[] {65519.996f, -65520, 0},
        "F32.vector",
        Optional.of(DType.FLOAT16),
        "tensor 'F32.vector' has -65520.0 at element 1, which is more than F16 holds; save in"
            + " another --dtype");
    refused(
        new float[] {0, 0, Float.MAX_VALUE},
        "F32.vector",
        Optional.of(DType.BFLOAT16),
        "tensor 'F32.vector' has 3.4028235E38 at element 2, which is more than BF16 holds; save in"
            + " another --dtype");
    // Also of tensors that weren't trained.
    try (Checkpoint checkpoint = Checkpoint.open(source)) {
      ModelFolderWriter.write(
          checkpoint,
          target,
          Map.of("BF16.vector", () -> new float[] {0, 1e30f, 0}),
          Optional.empty());
    }
    try (Checkpoint large = Checkpoint.open(target)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() ->
              ModelFolderWriter.write(
                  large, temp.resolve("half"), Map.of(), Optional.of(DType.FLOAT16)))
          .withMessageContaining("tensor 'BF16.vector' has 1.0");
    }
    assertThat(temp.resolve("half")).doesNotExist();
  }

  @Test
  void refusesOtherSizesAndNames() {
    refused(
        new float[2], "F16.vector", Optional.empty(), "tensor 'F16.vector' has 3 elements, not 2");
    refused(
        new float[9],
        "position_ids",
        Optional.empty(),
        "tensor 'position_ids' is I64, which can't be trained");
    try (Checkpoint checkpoint = Checkpoint.open(source)) {
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() ->
              ModelFolderWriter.write(
                  checkpoint, target, Map.of("none", () -> new float[1]), Optional.empty()))
          .withMessageContaining("tensor 'none': not in this checkpoint");
    }
  }

  @Test
  void refusesTheFolderOfItsSource() throws IOException {
    List<String> before = names(source);
    Path link = Files.createSymbolicLink(temp.resolve("link"), source);
    try (Checkpoint checkpoint = Checkpoint.open(source)) {
      for (Path folder : List.of(source, link, temp.resolve("source/../source"))) {
        assertThatIOException()
            .isThrownBy(
                () -> ModelFolderWriter.write(checkpoint, folder, Map.of(), Optional.empty()))
            .withMessage(folder + " can't be written: the model that is trained lies there");
      }
    }
    assertThat(names(source)).isEqualTo(before);
  }

  @Test
  void refusesASourceThatChangesMeanwhile() throws IOException {
    byte[] bytes = Files.readAllBytes(source.resolve("model.safetensors"));
    try (Checkpoint checkpoint = Checkpoint.open(source)) {
      Map<String, Supplier<float[]>> trained =
          Map.of(
              "F32.vector",
              () -> {
                try {
                  Files.delete(source.resolve("model.safetensors"));
                  Files.write(source.resolve("model.safetensors"), bytes);
                } catch (IOException e) {
                  throw new AssertionError(e);
                }
                return new float[3];
              });
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> ModelFolderWriter.write(checkpoint, target, trained, Optional.empty()))
          .withMessageContaining("changed while it was in use");
    }
    assertThat(target).doesNotExist();
  }

  @Test
  void nearestIsWhatItClaims() {
    // The reference above, held to exact distances.
    for (StoredType type : List.of(StoredType.F16, StoredType.BF16)) {
      for (float value : fresh(600)) {
        float rounded = nearest(value, type);
        float step = type == StoredType.F16 ? 0x1p-10f : 0x1p-7f;
        BigDecimal distance = new BigDecimal(rounded).subtract(new BigDecimal(value)).abs();
        BigDecimal most =
            new BigDecimal(Math.max(Math.abs(value) * step / 2, 0x1p-25))
                .multiply(new BigDecimal("1.01"));
        assertThat(distance).as("%s as %s, seed %d", value, type, seed).isLessThanOrEqualTo(most);
      }
    }
  }
}
