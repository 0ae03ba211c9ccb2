package org.pyramiddrop.loader;

import static java.nio.charset.StandardCharsets.UTF_16BE;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What editors and version control do to a model folder's small files. */
class ModelFilesTest {
  private static final String CONFIG = "{\n\"model_type\":\"llava\",\n\"image_token_index\":7}\n";
  private static final String POINTER =
      "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 4955\n";

  @TempDir Path folder;

  @BeforeEach
  void writeModel() throws IOException {
    Files.writeString(folder.resolve("config.json"), CONFIG);
    Files.writeString(
        folder.resolve("preprocessor_config.json"), "{\n\"size\":336,\n\"crop_size\":336}");
    Files.writeString(folder.resolve("generation_config.json"), "{\n\"eos_token_id\":5}");
  }

  private void read() {
    LlavaConfig config = LlavaConfig.read(folder);
    assertThat(config.imageTokenId()).isEqualTo(7);
    assertThat(StopTokens.read(folder, config)).containsExactly(5);
    assertThat(ChatTemplate.read(folder).name()).isEqualTo("none");
    ImageProcessor.read(folder, config);
  }

  @ParameterizedTest
  @ValueSource(strings = {"config.json", "preprocessor_config.json", "generation_config.json"})
  void readsAFileWithAByteOrderMarkOtherLineEndsAndNoneAtItsEnd(String name) throws IOException {
    Path file = folder.resolve(name);
    String text = Files.readString(file).strip();
    for (String otherwise : List.of("\uFEFF" + text, text.replace("\n", "\r\n"), text + "\r")) {
      Files.writeString(file, otherwise);
      read();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "config.json",
        "preprocessor_config.json",
        "generation_config.json",
        "processor_config.json",
        "tokenizer_config.json",
        "chat_template.json",
        "chat_template.jinja"
      })
  void saysThatAFileIsAGitLfsPointer(String name) throws IOException {
    Path file = Files.writeString(folder.resolve(name), POINTER);
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(this::read)
        .withMessageStartingWith(file + ": is a Git LFS pointer")
        .withMessageContaining("git lfs pull");
  }

  @Test
  void saysThatAFileIsUtf16() throws IOException {
    for (Charset charset : List.of(UTF_16LE, UTF_16BE)) {
      Files.write(folder.resolve("config.json"), ("\uFEFF" + CONFIG).getBytes(charset));
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(this::read)
          .withMessageContaining("is UTF-16; save it as UTF-8");
    }
  }

  @Test
  void saysThatAFolderIsNoFile() throws IOException {
    Files.delete(folder.resolve("generation_config.json"));
    Files.createDirectory(folder.resolve("generation_config.json"));
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(this::read)
        .withMessageEndingWith("generation_config.json: is a folder, not a file");
  }
}
