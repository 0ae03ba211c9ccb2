package org.pyramiddrop.loader.tokenizer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The tokenizers of the tests; make_families.py, make_tokenizer.py and make_fixtures.py made them.
 */
final class TokenizerFiles {
  private TokenizerFiles() {}

  /** Those in the shape of model families, those of the small checkpoints, and the demo model's. */
  static List<Path> all() {
    Path root = Path.of("..").toAbsolutePath().normalize();
    return Stream.of(
            under(resource("/families")),
            List.of(resource("/tokenizer/tokenizer.json")),
            under(root.resolve("src/test/resources/fixtures")),
            List.of(root.resolve("models/scenes/model/tokenizer.json")))
        .flatMap(List::stream)
        .toList();
  }

  static Path family(String name) {
    return resource("/families/" + name + "/tokenizer.json");
  }

  static Path broken(String name) {
    return resource("/broken/" + name + ".json");
  }

  private static List<Path> under(Path folder) {
    try (Stream<Path> folders = Files.list(folder)) {
      return folders
          .map(each -> each.resolve("tokenizer.json"))
          .filter(Files::exists)
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path resource(String name) {
    URL url = Objects.requireNonNull(TokenizerFiles.class.getResource(name), name);
    try {
      return Path.of(url.toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static JsonNode json(Path file) {
    return new JsonMapper().readTree(file);
  }

  /** What the file's added tokens are written as. */
  static List<String> addedTokens(Path file) {
    return json(file).path("added_tokens").values().stream()
        .map(token -> token.path("content").stringValue())
        .toList();
  }

  /** A file whose tokens are the bytes of the normalised text. */
  static String bytes(String normalizer) {
    StringBuilder vocabulary = new StringBuilder();
    for (int value = 0; value < 256; value++) {
      String character = byteCharacter(value);
      vocabulary.append(value == 0 ? "" : ",").append(quoted(character)).append(':').append(value);
    }
    return file(
        normalizer,
        """
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}\
        """,
        """
        {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
         "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
         "ignore_merges": false, "vocab": {%s}, "merges": []}\
        """
            .formatted(vocabulary));
  }

  /** The character that stands for a byte. */
  static String byteCharacter(int value) {
    boolean visible = (value >= '!' && value <= '~') || (value >= 0xA1 && value != 0xAD);
    int invisibleBefore = value < '!' ? value : value < 0xA1 ? value - 94 : 67;
    return Character.toString(visible ? value : 256 + invisibleBefore);
  }

  /** A file that makes one unknown token of each word. */
  static String words(String preTokenizer) {
    return file(
        "null",
        preTokenizer,
        """
        {"type": "WordLevel", "vocab": {"<unk>": 0}, "unk_token": "<unk>"}\
        """);
  }

  private static String file(String normalizer, String preTokenizer, String model) {
    return """
    {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
     "normalizer": %s, "pre_tokenizer": %s, "post_processor": null, "decoder": null,
     "model": %s}\
    """
        .formatted(normalizer, preTokenizer, model);
  }

  static String quoted(String text) {
    return new JsonMapper().writeValueAsString(text);
  }
}
