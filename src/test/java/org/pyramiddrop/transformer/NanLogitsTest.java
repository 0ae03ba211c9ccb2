package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A checkpoint with one damaged number. */
final class NanLogitsTest {
  private static final Options TWO = Options.defaults().withMaxTokens(2);

  /** Copies a fixture, one number of its last norm NaN. */
  private static void damage(Fixture fixture, Path folder) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(fixture.folder())) {
      for (Path file : files) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    Path weights = folder.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int header = Math.toIntExact(buffer.getLong(0));
    JsonNode tensors =
        JsonMapper.shared().readTree(new String(bytes, 8, header, StandardCharsets.UTF_8));
    String norm =
        tensors.propertyNames().stream()
            .filter(name -> name.endsWith("model.norm.weight"))
            .findFirst()
            .orElseThrow();
    int at = 8 + header + tensors.get(norm).get("data_offsets").get(0).asInt();
    buffer.putFloat(at + 3 * Float.BYTES, Float.NaN);
    Files.write(weights, bytes);
  }

  @Test
  void endInAnExceptionThatNamesTheFolder(@TempDir Path folder) throws IOException {
    try (Fixture fixture = new Fixture("mha-float32")) {
      damage(fixture, folder);
      try (Llava model = Llava.load(folder, TestDevice.options());
          Conversation conversation = model.converse(TWO)) {
        Question question = fixture.question("textOnly");
        String message =
            "the output of the weights in %s is not a number (NaN logits): they are damaged, or overflow in float32"
                .formatted(folder);
        assertThatThrownBy(() -> model.ask(question, TWO.withLogProbabilities(2)))
            .isInstanceOf(NanLogitsException.class)
            .hasMessage(message);
        assertThatThrownBy(() -> model.askAll(List.of(new Request(question, TWO))))
            .isInstanceOf(NanLogitsException.class)
            .hasMessage(message);
        assertThatThrownBy(() -> conversation.ask(Question.of("what ?")))
            .isInstanceOf(NanLogitsException.class)
            .hasMessage(message);
      }
    }
  }
}
