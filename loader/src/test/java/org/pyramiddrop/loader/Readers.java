package org.pyramiddrop.loader;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/** Reads one file of a kind, given as bytes, among others that are as they should be. */
final class Readers {
  static final List<String> KINDS =
      List.of("configuration", "header", "index", "image", "processor", "template", "tokenizer");

  private static final ImageLimits SMALL_IMAGES =
      new ImageLimits(1 << 22, 1 << 20, 100, Duration.ofSeconds(2));
  private static final String TEXT =
      "USER: <image>\nWhat's on it, 12 squares? ünï 数字 🙂 \t  </s> ASSISTANT:";
  private static final List<ChatTurn> TURNS =
      List.of(
          new ChatTurn(Role.USER, 1, "Why?"),
          new ChatTurn(Role.ASSISTANT, 0, "So."),
          new ChatTurn(Role.USER, 2, "{{ 1 }}"));

  private final Path folder;

  /** Takes an empty folder, in which each kind has one of its own. */
  Readers(Path folder) throws IOException {
    this.folder = folder;
    for (String kind : KINDS) {
      Files.createDirectory(folder.resolve(kind));
    }
    SafetensorsBytes.writeFloats(folder.resolve("index/model-1.safetensors"), "a", 1, 2);
    SafetensorsBytes.writeFloats(folder.resolve("index/model-2.safetensors"), "b", 1, 2);
    Files.writeString(
        folder.resolve("processor/config.json"),
        """
        {"model_type":"llava","vision_config":{"image_size":28,"patch_size":14}}
        """);
  }

  /**
   * Reads it. A zero byte parts two files, where there is a second one.
   *
   * @throws CheckpointException as documented
   * @throws ChatTemplateException as documented
   * @throws ImageException as documented
   */
  void read(String kind, byte[] input) throws IOException {
    Path own = folder.resolve(kind);
    switch (kind) {
      case "header" -> header(input, own);
      case "index" -> {
        Files.write(own.resolve("model.safetensors.index.json"), input);
        Checkpoint.open(own).close();
      }
      case "configuration" -> configuration(input, own);
      case "processor" -> {
        write(input, own.resolve("preprocessor_config.json"), own.resolve("processor_config.json"));
        Image image = new Image(2, 3, new int[6]);
        ImageProcessor.read(own, LlavaConfig.read(own)).process(image);
      }
      case "template" -> template(input, own);
      case "tokenizer" -> tokenizer(input, own);
      case "image" -> Image.read(input, "sent", SMALL_IMAGES);
      default -> throw new IllegalArgumentException("no kind of file: " + kind);
    }
  }

  private static void header(byte[] input, Path own) throws IOException {
    Files.write(own.resolve("model.safetensors"), input);
    try (Checkpoint checkpoint = Checkpoint.open(own)) {
      checkpoint.names().forEach(checkpoint::tensor);
    }
  }

  private static void configuration(byte[] input, Path own) throws IOException {
    write(input, own.resolve("config.json"), own.resolve("generation_config.json"));
    try {
      StopTokens.read(own, LlavaConfig.read(own));
    } catch (IllegalArgumentException e) {
      // No fault of the file: it names a vision tower that lies in another folder.
      if (!String.valueOf(e.getMessage()).contains("--vision-tower")) {
        throw e;
      }
    }
  }

  /** It is JSON if it starts like that, else the template itself. */
  private static void template(byte[] input, Path own) throws IOException {
    Path jinja = own.resolve("chat_template.jinja");
    if (new String(input, ISO_8859_1).startsWith("{\"")) {
      Files.deleteIfExists(jinja);
      Files.write(own.resolve("chat_template.json"), input);
    } else {
      Files.write(jinja, input);
    }
    ChatTemplate.read(own).render(TURNS, true);
  }

  private static void tokenizer(byte[] input, Path own) throws IOException {
    Files.write(own.resolve("tokenizer.json"), input);
    try (Tokenizer tokenizer = Tokenizer.open(own)) {
      tokenizer.decode(tokenizer.encode(TEXT, true), false);
      tokenizer.decode(new int[] {0, 1, 2, 300, 31_999, Integer.MAX_VALUE, -1}, true);
    }
  }

  private static void write(byte[] input, Path first, Path second) throws IOException {
    int end = 0;
    while (end < input.length && input[end] != 0) {
      end++;
    }
    Files.write(first, Arrays.copyOf(input, end));
    if (end == input.length) {
      Files.deleteIfExists(second);
    } else {
      Files.write(second, Arrays.copyOfRange(input, end + 1, input.length));
    }
  }
}
