package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.loader.CheckpointException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Checkpoints whose {@code config.json} says something else than their other files. */
class ContradictoryConfigTest {
  private static final Options TWELVE = Options.defaults().withMaxTokens(12);

  @TempDir Path folder;

  private Path copy(Fixture fixture, Consumer<ObjectNode> change) throws IOException {
    try (Stream<Path> files = Files.list(fixture.folder())) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(fixture.folder().relativize(file).toString()));
      }
    }
    Path config = folder.resolve("config.json");
    JsonNode json = JsonMapper.shared().readTree(Files.readString(config));
    change.accept((ObjectNode) json);
    Files.writeString(config, json.toString());
    return folder;
  }

  private static Llava load(Path folder) {
    return Llava.load(folder, LoadOptions.defaults().withBackend(Backend.CPU));
  }

  private static List<Integer> tokens(Path folder, Fixture fixture) {
    try (Llava model = load(folder)) {
      return model.ask(fixture.question("oneImage"), TWELVE).tokenIds();
    }
  }

  private void assertRefused(String... said) {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> load(folder).close())
        .satisfies(e -> assertThat(e).hasMessageContainingAll(said))
        .satisfies(e -> assertThat(e).message().hasLineCount(1));
  }

  @ParameterizedTest
  @CsvSource({
    "mha-float32, true, false",
    "mha-float32, false, true",
    "gqa-float32-sharded-oldnames, true, true",
    "gqa-float32-sharded-oldnames, false, true",
  })
  void theStoredOutputHeadCountsWhateverTheConfigSays(String name, boolean top, boolean text)
      throws IOException {
    try (Fixture fixture = new Fixture(name)) {
      Path changed =
          copy(
              fixture,
              config -> {
                config.put("tie_word_embeddings", top);
                ((ObjectNode) config.get("text_config")).put("tie_word_embeddings", text);
              });
      assertThat(tokens(changed, fixture)).isEqualTo(tokens(fixture.folder(), fixture));
    }
  }

  @Test
  void aModelWithoutAnOutputHeadIsRefusedUnlessItIsTied() throws IOException {
    try (Fixture fixture = new Fixture("mha-float16")) {
      assertThat(tokens(fixture.folder(), fixture)).hasSize(12);
      copy(
          fixture,
          config -> {
            config.put("tie_word_embeddings", false);
            ((ObjectNode) config.get("text_config")).put("tie_word_embeddings", false);
          });
      assertRefused("tensor 'lm_head.weight'", "tie_word_embeddings");
    }
  }

  @ParameterizedTest
  @CsvSource({"image_token_index", "image_token_id"})
  void anImageTokenThatIsNotTheTokenizersIsRefusedWithBothIds(String key) throws IOException {
    try (Fixture fixture = new Fixture("mha-float32")) {
      copy(
          fixture,
          config -> {
            config.remove("image_token_index");
            config.put(key, 5);
          });
      assertRefused("config.json: " + key + " = 5", "'<image>' is 87", "tokenizer.json");
    }
  }

  @Test
  void quantisedWeightsAreRefusedByTheirMethod() throws IOException {
    try (Fixture fixture = new Fixture("mha-float32")) {
      copy(
          fixture,
          config -> config.putObject("quantization_config").put("quant_method", "bitsandbytes"));
      assertRefused("config.json: quantization_config", "quant_method bitsandbytes");
    }
  }
}
