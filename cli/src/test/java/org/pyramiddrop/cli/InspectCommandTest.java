package org.pyramiddrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class InspectCommandTest {
  @TempDir private Path folder;

  @BeforeEach
  void writeACheckpoint() throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"model_type": "llava", "image_token_index": 4,
         "text_config": {"model_type": "llama", "num_hidden_layers": 8, "vocab_size": 64},
         "vision_config": {"model_type": "clip_vision_model", "image_size": 112, "patch_size": 14}}
        """);
    byte[] header =
        """
        {"a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
         "b": {"dtype": "F32", "shape": [], "data_offsets": [12, 16]}}\
        """
            .getBytes(UTF_8);
    ByteBuffer file = ByteBuffer.allocate(8 + header.length + 16).order(ByteOrder.LITTLE_ENDIAN);
    Files.write(
        folder.resolve("model.safetensors"), file.putLong(header.length).put(header).array());
  }

  @Test
  void saysWhatTheWeightsAreAndHowThePyramidLies() {
    Run run = Run.of("inspect", "--model", folder.toString());

    assertThat(run.err()).isEmpty();
    assertThat(run.code()).isZero();
    assertThat(run.out().lines())
        .contains(
            "weights   2 tensors in 1 file, 7 parameters, 16 B; {BF16=1, F32=1}",
            "pyramid   64 image tokens from layer 0 on",
            "          32 image tokens from layer 2 on",
            "          16 image tokens from layer 4 on",
            "          8 image tokens from layer 6 on")
        .noneMatch(line -> line.startsWith("a "));
  }

  @Test
  void listsTensorsOnRequest() {
    Run run = Run.of("inspect", "--tensors", "--model", folder.toString());

    assertThat(run.out().lines()).contains("a  BF16 [2, 3]", "b  F32 []");
  }

  @Test
  void jsonHoldsTheSame() {
    Run run = Run.of("inspect", "--tensors", "--format", "json", "--model", folder.toString());

    JsonNode root = JsonMapper.shared().readTree(run.out());
    assertThat(root.propertyNames())
        .containsExactly(
            "folder",
            "files",
            "tensors",
            "parameters",
            "bytes",
            "types",
            "config",
            "pyramid",
            "list");
    assertThat(root.get("parameters").intValue()).isEqualTo(7);
    assertThat(root.get("config").get("text").get("layers").intValue()).isEqualTo(8);
    assertThat(root.get("pyramid").get(3).get("imageTokens").intValue()).isEqualTo(8);
    assertThat(root.get("list").get(0).get("shape").get(1).intValue()).isEqualTo(3);
    assertThat(
            JsonMapper.shared()
                .readTree(Run.of("inspect", "--format", "json", "--model", folder.toString()).out())
                .has("list"))
        .isFalse();
  }

  @Test
  void aModelOfTilesSaysWhatImagesOfSomeSizesBecome() throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"model_type": "llava_next", "image_token_index": 4,
         "text_config": {"model_type": "llama", "num_hidden_layers": 8, "vocab_size": 64}}
        """);
    Run run = Run.of("inspect", "--model", folder.toString());

    assertThat(run.err()).isEmpty();
    assertThat(run.out().lines())
        .containsSequence(
            "tiles     that make up 672×336, 336×672, 672×672, 336×1008, 1008×336",
            "image     of 336×336: 3 crops, 1176 image tokens",
            "image     of 640×480: 5 crops, 2340 image tokens",
            "image     of 480×640: 5 crops, 2352 image tokens",
            "image     of 1024×1024: 5 crops, 2928 image tokens",
            "image     of 1920×1080: 5 crops, 1948 image tokens",
            "pyramid   1176 image tokens from layer 0 on",
            "          588 image tokens from layer 2 on");
    JsonNode image =
        JsonMapper.shared()
            .readTree(Run.of("inspect", "--format", "json", "--model", folder.toString()).out())
            .get("images")
            .get(1);
    assertThat(image.propertyNames()).containsExactly("width", "height", "crops", "imageTokens");
    assertThat(image.get("imageTokens").intValue()).isEqualTo(2340);
  }

  @Test
  void sizesHaveFewDigits() {
    assertThat(NumberText.bytes(1023)).isEqualTo("1023 B");
    assertThat(NumberText.bytes(1024)).isEqualTo("1.0 KiB");
    assertThat(NumberText.bytes(14_126_851_072L)).isEqualTo("13.2 GiB");
    assertThat(NumberText.count(999_999)).isEqualTo("999999");
    assertThat(NumberText.count(2_400_000)).isEqualTo("2.4 million");
    assertThat(NumberText.count(7_063_427_072L)).isEqualTo("7.1 billion");
  }
}
