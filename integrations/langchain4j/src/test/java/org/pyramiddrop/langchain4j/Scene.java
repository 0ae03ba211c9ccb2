package org.pyramiddrop.langchain4j;

import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.UserMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import org.pyramiddrop.transformer.Llava;

/** The demo model, and what it answers about one of its images. */
final class Scene {
  static final Path MODEL = Path.of("../../models/scenes/model");
  static final Path IMAGE = Path.of("../../models/scenes/heldout/0000.png");
  static final String NUMBER = "what number is on the gray triangle ?";
  static final String NUMBER_ANSWER = "2 7";
  static final String COUNT = "how many triangle s are there ?";
  static final String COUNT_ANSWER = "4";

  private Scene() {}

  static Llava load() {
    return Llava.load(MODEL);
  }

  static ImageContent image(ImageContent.DetailLevel detail) {
    return ImageContent.from(IMAGE.toUri(), detail);
  }

  static UserMessage ask(String question) {
    return UserMessage.from(ImageContent.from(IMAGE.toUri()), TextContent.from(question));
  }

  static String base64() throws IOException {
    return Base64.getEncoder().encodeToString(Files.readAllBytes(IMAGE));
  }
}
