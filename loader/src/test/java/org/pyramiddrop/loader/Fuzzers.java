package org.pyramiddrop.loader;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.code_intelligence.jazzer.junit.DictionaryFile;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files as others damage them: whatever they hold, reading ends in an answer or in one of the
 * documented exceptions, within {@link Bounds}. {@link FuzzersTest} runs these, in JVMs of their
 * own; run like other tests they read their seeds alone, which make_seeds.py made.
 */
class Fuzzers {
  /** What means something to one format or another. */
  private static final String PIECES = "Fuzzers.dict";

  private static final ImageLimits SMALL_IMAGES =
      new ImageLimits(1 << 22, 1 << 20, 100, Duration.ofSeconds(2));
  private static final String TEXT =
      "USER: <image>\nWhat's on it, 12 squares? ünï 数字 🙂 \t  </s> ASSISTANT:";
  private static final List<ChatTurn> TURNS =
      List.of(
          new ChatTurn(Role.USER, 1, "Why?"),
          new ChatTurn(Role.ASSISTANT, 0, "So."),
          new ChatTurn(Role.USER, 2, "{{ 1 }}"));

  @TempDir Path folder;

  /** A folder for each kind, and files that stay as they are. */
  @BeforeEach
  void writeOtherFiles() throws IOException {
    for (String kind :
        List.of("header", "index", "configuration", "processor", "template", "tokenizer")) {
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

  /** All in one, for a short run: the name of a kind, a line end, what that is given. */
  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void any(byte[] input) {
    int end = end(input, '\n');
    byte[] file = behind(input, end);
    switch (new String(input, 0, end, ISO_8859_1)) {
      case "header" -> header(file);
      case "index" -> index(file);
      case "configuration" -> configuration(file);
      case "processor" -> processor(file);
      case "template" -> template(file);
      case "tokenizer" -> tokenizer(file);
      case "picture" -> image(file);
      default -> {
        // The name itself was changed.
      }
    }
  }

  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void header(byte[] input) {
    Path own = folder.resolve("header");
    Bounds.hold(() -> {
      Files.write(own.resolve("model.safetensors"), input);
      try (Checkpoint checkpoint = Checkpoint.open(own)) {
        checkpoint.names().forEach(checkpoint::tensor);
      }
    });
  }

  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void index(byte[] input) {
    Path own = folder.resolve("index");
    Bounds.hold(() -> {
      Files.write(own.resolve("model.safetensors.index.json"), input);
      Checkpoint.open(own).close();
    });
  }

  /** {@code config.json}, a zero byte, {@code generation_config.json}. */
  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void configuration(byte[] input) {
    Path own = folder.resolve("configuration");
    Bounds.hold(() -> {
      write(input, own.resolve("config.json"), own.resolve("generation_config.json"));
      try {
        StopTokens.read(own, LlavaConfig.read(own));
      } catch (IllegalArgumentException e) {
        // No fault of the file: it names a vision tower that lies in another folder.
        if (!String.valueOf(e.getMessage()).contains("--vision-tower")) {
          throw e;
        }
      }
    });
  }

  /** {@code preprocessor_config.json}, a zero byte, {@code processor_config.json}. */
  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void processor(byte[] input) {
    Path own = folder.resolve("processor");
    Bounds.hold(() -> {
      write(input, own.resolve("preprocessor_config.json"), own.resolve("processor_config.json"));
      Image image = new Image(2, 3, new int[6]);
      ImageProcessor.read(own, LlavaConfig.read(own)).process(image);
    });
  }

  /** {@code chat_template.json} if it starts like one, else {@code chat_template.jinja}. */
  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void template(byte[] input) {
    Path own = folder.resolve("template");
    Path jinja = own.resolve("chat_template.jinja");
    Bounds.hold(() -> {
      if (new String(input, ISO_8859_1).startsWith("{\"")) {
        Files.deleteIfExists(jinja);
        Files.write(own.resolve("chat_template.json"), input);
      } else {
        Files.write(jinja, input);
      }
      ChatTemplate.read(own).render(TURNS, true);
    });
  }

  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void tokenizer(byte[] input) {
    Path own = folder.resolve("tokenizer");
    Bounds.hold(() -> {
      Files.write(own.resolve("tokenizer.json"), input);
      try (Tokenizer tokenizer = Tokenizer.open(own)) {
        tokenizer.decode(tokenizer.encode(TEXT, true), false);
        tokenizer.decode(new int[] {0, 1, 2, 300, 31_999, Integer.MAX_VALUE, -1}, true);
      }
    });
  }

  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void image(byte[] input) {
    Bounds.hold(() -> Image.read(input, "sent", SMALL_IMAGES));
  }

  /** Writes what stands before the first zero byte to one file, what follows to another. */
  private static void write(byte[] input, Path first, Path second) throws IOException {
    int end = end(input, 0);
    Files.write(first, Arrays.copyOf(input, end));
    if (end == input.length) {
      Files.deleteIfExists(second);
    } else {
      Files.write(second, behind(input, end));
    }
  }

  private static int end(byte[] input, int mark) {
    int end = 0;
    while (end < input.length && input[end] != mark) {
      end++;
    }
    return end;
  }

  private static byte[] behind(byte[] input, int mark) {
    return Arrays.copyOfRange(input, Math.min(mark + 1, input.length), input.length);
  }
}
