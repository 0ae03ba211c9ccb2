package org.pyramiddrop.training.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.SafetensorsFile;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.loader.StoredType;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What PEFT itself makes of such adapters, check_adapter.py has shown. */
class AdapterWriterTest {
  private static final Path FIXTURES = Path.of("../src/test/resources/fixtures");
  private static final AdapterWriter.Settings SETTINGS =
      new AdapterWriter.Settings("models/größe", RandomLora.RANK, RandomLora.ALPHA);

  @TempDir private Path temp;
  private final long seed = System.nanoTime();

  @ParameterizedTest
  @CsvSource({
    "mha-float32, 8, true",
    "gqa-bfloat16-sharded, 7, false",
    "next-mistral-bfloat16-sharded, 7, true"
  })
  void callsTensorsAsPeftDoesWhateverTheCheckpointCallsThem(
      String name, int layers, boolean projector) throws IOException {
    Path folder = temp.resolve("adapter");
    RandomLora lora;
    try (Checkpoint checkpoint = Checkpoint.open(FIXTURES.resolve(name))) {
      lora = RandomLora.of(checkpoint, projector, new Random(seed));
    }
    AdapterWriter.write(folder, SETTINGS, lora.entries(), DType.FLOAT32);
    Set<String> expected = new TreeSet<>();
    for (int layer = 0; layer < layers; layer++) {
      for (String module : List.of("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj")) {
        for (String half : List.of("A", "B")) {
          expected.add(
              "base_model.model.model.language_model.layers.%d.%s.lora_%s.weight"
                  .formatted(layer, module, half));
        }
      }
    }
    for (String tensor : projector ? List.of("linear_1", "linear_2") : List.<String>of()) {
      expected.add("base_model.model.model.multi_modal_projector." + tensor + ".weight");
      expected.add("base_model.model.model.multi_modal_projector." + tensor + ".bias");
    }
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("adapter_model.safetensors"))) {
      assertThat(file.names()).containsExactlyInAnyOrderElementsOf(expected);
      for (AdapterWriter.Entry entry : lora.entries()) {
        String key =
            "base_model.model.model."
                + (entry.name().contains("lora") ? "language_model." : "")
                + entry
                    .name()
                    .substring(
                        Math.max(
                            entry.name().indexOf("layers."),
                            entry.name().indexOf("multi_modal_projector.")));
        StoredTensor tensor = file.tensor(key);
        assertThat(tensor.type()).isEqualTo(StoredType.F32);
        assertThat(tensor.shape()).isEqualTo(entry.shape());
        assertThat(Numbers.floats(tensor)).as("seed %d", seed).isEqualTo(entry.values().get());
      }
    }
    JsonNode config =
        JsonMapper.shared().readTree(Files.readString(folder.resolve("adapter_config.json")));
    assertThat(config.path("peft_type").stringValue()).isEqualTo("LORA");
    assertThat(config.path("task_type").stringValue()).isEqualTo("CAUSAL_LM");
    assertThat(config.path("base_model_name_or_path").stringValue()).isEqualTo("models/größe");
    assertThat(config.path("r").intValue()).isEqualTo(RandomLora.RANK);
    assertThat(config.path("lora_alpha").floatValue()).isEqualTo(RandomLora.ALPHA);
    assertThat(config.path("lora_dropout").doubleValue()).isZero();
    assertThat(config.path("bias").stringValue()).isEqualTo("none");
    assertThat(config.path("modules_to_save").toString())
        .isEqualTo(projector ? "[\"multi_modal_projector\"]" : "null");
    Pattern targets = Pattern.compile(config.path("target_modules").stringValue());
    assertThat("model.language_model.layers.1.self_attn.q_proj").matches(targets);
    assertThat("model.language_model.layers.11.mlp.down_proj").matches(targets);
    for (String other :
        List.of(
            "model.language_model.layers.1.self_attn.k_proj",
            "model.language_model.layers.1.self_attn",
            "model.vision_tower.encoder.layers.1.self_attn.q_proj",
            "model.multi_modal_projector.linear_1")) {
      assertThat(other).doesNotMatch(targets);
    }
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void roundsToTheTypeThatIsAsked(DType dtype) throws IOException {
    Path folder = temp.resolve("adapter");
    AdapterWriter.write(folder, SETTINGS, pair(1.001f), dtype);
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("adapter_model.safetensors"))) {
      for (String name : file.names()) {
        assertThat(file.tensor(name).type()).isEqualTo(StoredNumbers.type(dtype));
        float expected =
            switch (dtype) {
              case FLOAT32 -> 1.001f;
              case FLOAT16 -> 1 + 0x1p-10f;
              case BFLOAT16 -> 1;
              case INT8, INT4, FP8 -> throw dtype.notSingle();
            };
        assertThat(Numbers.floats(file.tensor(name))).containsOnly(expected);
      }
    }
  }

  private static AdapterWriter.Entry entry(String name, float value, long... shape) {
    List<Long> dims = new ArrayList<>();
    int count = 1;
    for (long dim : shape) {
      dims.add(dim);
      count *= (int) dim;
    }
    float[] values = new float[count];
    java.util.Arrays.fill(values, value);
    return new AdapterWriter.Entry(name, dims, () -> values);
  }

  private static List<AdapterWriter.Entry> pair(float value) {
    return List.of(
        entry("model.layers.0.self_attn.k_proj.lora_A.weight", value, 3, 5),
        entry("model.layers.0.self_attn.k_proj.lora_B.weight", value, 4, 3));
  }

  private void refused(List<AdapterWriter.Entry> entries, String message) {
    Path folder = temp.resolve("adapter");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AdapterWriter.write(folder, SETTINGS, entries, DType.FLOAT16))
        .withMessage(message);
    assertThat(temp).isEmptyDirectory();
  }

  @ParameterizedTest
  @CsvSource({
    "language_model.model.layers.0.mlp.up_proj.lora_A.weight, true",
    "model.layers.11.self_attn.o_proj.lora_B.weight, true",
    "model.multi_modal_projector.linear_1.bias, true",
    "multi_modal_projector.linear_2.weight, true",
    "model.layers.0.mlp.up_proj.weight, false",
    "model.image_newline, false",
    "model.mm_projector.0.weight, false"
  })
  void knowsWhatItHasRoomFor(String name, boolean holds) {
    assertThat(AdapterWriter.holds(name)).isEqualTo(holds);
  }

  @Test
  void refusesWhatIsNoAdapter() {
    List<AdapterWriter.Entry> pair = pair(1);
    refused(List.of(), "an adapter needs a LoRA");
    refused(
        List.of(entry("model.image_newline", 1, 5)),
        "an adapter can't hold 'model.image_newline'; save the whole model (merge the LoRA into"
            + " it)");
    refused(
        pair.subList(1, 2),
        "an adapter has 'base_model.model.model.language_model.layers.0.self_attn.k_proj.lora_B"
            + ".weight' without the other half");
    refused(
        List.of(pair.get(0), entry("model.layers.0.self_attn.k_proj.lora_B.weight", 1, 3, 4)),
        "'model.layers.0.self_attn.k_proj.lora_B.weight' of shape [3, 4] isn't a LoRA's of rank 3");
    refused(
        List.of(pair.get(0), pair.get(0)),
        "two tensors of an adapter are called 'base_model.model.model.language_model.layers.0"
            + ".self_attn.k_proj.lora_A.weight'");
    refused(
        pair(Float.NaN),
        "tensor 'model.layers.0.self_attn.k_proj.lora_A.weight' has become NaN at element 0; the"
            + " run diverged, and its model isn't saved");
    refused(
        pair(1e6f),
        "tensor 'model.layers.0.self_attn.k_proj.lora_A.weight' has 1000000.0 at element 0, which"
            + " is more than F16 holds; save in another --dtype");
  }
}
