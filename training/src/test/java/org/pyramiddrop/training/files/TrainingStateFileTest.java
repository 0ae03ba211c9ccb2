package org.pyramiddrop.training.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.kernels.Parameter;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.training.files.TrainingStateFile.Entry;

class TrainingStateFileTest {
  private static final List<Entry> PARAMETERS =
      List.of(
          new Entry("model.layers.0.q_proj.weight", List.of(7L, 5L)),
          new Entry("größe.层 🙂", List.of(3L)),
          new Entry("patch", List.of(4L, 3L, 2L, 2L)));
  private static final Map<String, String> SETTINGS = settings("4");

  @TempDir private Path folder;
  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);

  private static Map<String, String> settings(String batch) {
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put("--model", "models/größe \"x\"");
    settings.put("--batch", batch);
    settings.put("--learning-rate", "2.0E-5");
    return settings;
  }

  /** Numbers of all parameters. */
  private record Values(Map<String, float[]> byName) {
    float[] get(String parameter, Parameter.Content content) {
      return Objects.requireNonNull(byName.get(parameter + content));
    }
  }

  /** Any bits, those of NaN with a payload included. */
  private Values numbers() {
    Map<String, float[]> numbers = new HashMap<>();
    for (Entry parameter : PARAMETERS) {
      int count = (int) parameter.shape().stream().mapToLong(dim -> dim).reduce(1, (a, b) -> a * b);
      for (Parameter.Content content : Parameter.Content.values()) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
          values[i] = Float.intBitsToFloat(random.nextInt());
        }
        values[0] = -0f;
        values[1] = Float.intBitsToFloat(0x7fc01234);
        numbers.put(parameter.name() + content, values);
      }
    }
    return new Values(numbers);
  }

  private void write(long step, Map<String, String> settings, Values numbers) throws IOException {
    TrainingStateFile.write(folder, step, settings, PARAMETERS, numbers::get);
  }

  private void holds(long step, Values numbers) {
    try (TrainingStateFile state = TrainingStateFile.open(folder)) {
      assertThat(state.step()).isEqualTo(step);
      assertThat(state.settings()).containsExactlyEntriesOf(SETTINGS);
      state.requireSettings(SETTINGS);
      state.requireParameters(PARAMETERS);
      for (Entry parameter : PARAMETERS) {
        for (Parameter.Content content : Parameter.Content.values()) {
          assertThat(Numbers.bits(state.read(parameter.name(), content)))
              .as("%s %s, seed %d", parameter.name(), content, seed)
              .isEqualTo(Numbers.bits(numbers.get(parameter.name(), content)));
        }
      }
    }
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void comesBackBitByBit() throws IOException {
    assertThat(TrainingStateFile.isIn(folder)).isFalse();
    Values numbers = numbers();
    write(17, SETTINGS, numbers);
    assertThat(TrainingStateFile.isIn(folder)).isTrue();
    holds(17, numbers);
    assertThat(names()).containsExactly("training_state-17.safetensors", "training_state.json");
  }

  @Test
  void takesThePlaceOfTheOneBefore() throws IOException {
    write(17, SETTINGS, numbers());
    Files.writeString(folder.resolve("train.csv"), "step");
    Files.writeString(folder.resolve(".training_state-9.safetensors.1f.part"), "killed");
    for (long step : new long[] {18, 18, 18, 4}) {
      Values numbers = numbers();
      write(step, SETTINGS, numbers);
      holds(step, numbers);
      assertThat(names()).hasSize(3).contains("train.csv", "training_state.json");
    }
  }

  @Test
  void isGoneWhereItIsDeleted() throws IOException {
    write(17, SETTINGS, numbers());
    Files.writeString(folder.resolve("train.csv"), "step");
    TrainingStateFile.delete(folder);
    assertThat(names()).containsExactly("train.csv");
    TrainingStateFile.delete(folder);
    assertThat(TrainingStateFile.isIn(folder)).isFalse();
  }

  @Test
  void makesItsFolder() throws IOException {
    Path inner = folder.resolve("a/b");
    TrainingStateFile.write(inner, 0, Map.of(), List.of(), (_, _) -> new float[0]);
    try (TrainingStateFile state = TrainingStateFile.open(inner)) {
      assertThat(state.step()).isZero();
      state.requireParameters(List.of());
    }
  }

  @Test
  void leavesTheOneBeforeWholeWhereItFails() throws IOException {
    Values numbers = numbers();
    write(17, SETTINGS, numbers);
    List<String> before = names();
    assertThatIllegalStateException()
        .isThrownBy(() ->
            TrainingStateFile.write(
                folder,
                18,
                settings("9"),
                PARAMETERS,
                (name, content) -> {
                  if (name.equals("patch")) {
                    throw new IllegalStateException("the device is gone");
                  }
                  return numbers.get(name, content);
                }))
        .withMessage("the device is gone");
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            TrainingStateFile.write(folder, 18, settings("9"), PARAMETERS, (_, _) -> new float[3]))
        .withMessage("parameter 'model.layers.0.q_proj.weight' has 35 numbers, not 3");
    assertThat(names()).isEqualTo(before);
    holds(17, numbers);
  }

  @Test
  void isTheOneBeforeWhereAProcessIsKilledBetweenItsFiles() throws IOException {
    Values numbers = numbers();
    write(17, SETTINGS, numbers);
    Path other = Files.createDirectory(folder.resolve("other"));
    TrainingStateFile.write(other, 18, settings("9"), PARAMETERS, numbers()::get);
    Files.move(
        other.resolve("training_state-18.safetensors"),
        folder.resolve("training_state-18.safetensors"));
    holds(17, numbers);
    write(19, SETTINGS, numbers);
    holds(19, numbers);
    assertThat(names())
        .containsExactly("other", "training_state-19.safetensors", "training_state.json");
  }

  @Test
  void namesTheFirstSettingThatDiffers() throws IOException {
    write(17, SETTINGS, numbers());
    Map<String, String> more = settings("4");
    more.put("--lora-rank", "8");
    Map<String, String> fewer = settings("4");
    fewer.remove("--learning-rate");
    Map<String, String> two = settings("8");
    two.put("--learning-rate", "1.0");
    try (TrainingStateFile state = TrainingStateFile.open(folder)) {
      state.requireSettings(SETTINGS);
      for (Map.Entry<Map<String, String>, String> each :
          Map.of(
                  two, "--batch 4, now 8",
                  more, "--lora-rank none, now 8",
                  fewer, "--learning-rate 2.0E-5, now none")
              .entrySet()) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> state.requireSettings(each.getKey()))
            .withMessage("--resume: the run in " + folder + " had " + each.getValue());
      }
    }
  }

  @Test
  void namesTheFirstParameterThatDiffers() throws IOException {
    write(17, SETTINGS, numbers());
    Entry other = new Entry("größe.层 🙂", List.of(3L, 1L));
    Entry unknown = new Entry("none", List.of(3L));
    try (TrainingStateFile state = TrainingStateFile.open(folder)) {
      for (Map.Entry<List<Entry>, String> each :
          Map.of(
                  List.of(PARAMETERS.get(0), unknown), "didn't train none",
                  List.of(PARAMETERS.get(0), other), "trained größe.层 🙂 as [3], now [3, 1]",
                  PARAMETERS.subList(0, 2), "trained patch, too")
              .entrySet()) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> state.requireParameters(each.getKey()))
            .withMessage("--resume: the run in " + folder + " " + each.getValue());
      }
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> state.read("none", Parameter.Content.VALUE))
          .withMessageContaining("none.value");
    }
  }

  @Test
  void refusesAFolderWithoutARun() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TrainingStateFile.open(folder))
        .withMessage("--resume: no run was saved in " + folder);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "{\"step\": 17}",
        "{\"step\": -1, \"numbers\": \"training_state-17.safetensors\", \"settings\": {}}",
        "{\"step\": \"17\", \"numbers\": \"training_state-17.safetensors\", \"settings\": {}}",
        "{\"step\": 17, \"numbers\": \"../training_state-17.safetensors\", \"settings\": {}}",
        "{\"step\": 17, \"numbers\": \"training_state-17.safetensors\", \"settings\": []}",
        "{\"step\": 17, \"numbers\": \"training_state-17.safetensors\", \"settings\": {\"a\": 1}}",
        "{\"step\": 17, \"step\": 17, \"numbers\": \"training_state-17.safetensors\"}",
        "{\"step\": 17, \"numbers\": \"training_state-18.safetensors\", \"settings\": {}}"
      })
  void refusesABrokenFile(String json) throws IOException {
    write(17, SETTINGS, numbers());
    Files.writeString(folder.resolve("training_state.json"), json);
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> TrainingStateFile.open(folder))
        .withMessageStartingWith(folder.toString());
  }

  @Test
  void refusesNumbersThatWereCutShort() throws IOException {
    write(17, SETTINGS, numbers());
    Path file = folder.resolve("training_state-17.safetensors");
    byte[] all = Files.readAllBytes(file);
    Files.write(file, java.util.Arrays.copyOf(all, all.length - 4));
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> TrainingStateFile.open(folder))
        .withMessageStartingWith(file.toString());
  }
}
