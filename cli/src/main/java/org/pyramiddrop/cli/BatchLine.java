package org.pyramiddrop.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.transformer.Question;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.cfg.JsonNodeFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * A line of what {@code batch} reads: {@code {"prompt": TEXT, "images": [FILE, …], "id": …}}, or
 * with {@code rawPrompt} instead of {@code prompt}; {@code images} and {@code id} may be left out.
 */
record BatchLine(String prompt, boolean raw, List<Path> images) {
  private static final Set<String> KEYS = Set.of("prompt", "rawPrompt", "images", "id");

  /** How much of a line a message repeats. */
  private static final int LONGEST_QUOTE = 100;

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          // An id comes back digit by digit.
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .build();

  /** Keeps its own copy of the images. */
  BatchLine {
    images = List.copyOf(images);
  }

  /**
   * Reads a line's JSON.
   *
   * @throws UsageException if it isn't an object
   */
  static JsonNode object(String line) {
    JsonNode root;
    try {
      root = MAPPER.readTree(line);
    } catch (JacksonException e) {
      // Where a part began, Jackson can't say of a line that it wasn't to repeat.
      String reason =
          e.getOriginalMessage().replaceAll(" \\(start marker at \\[Source: .*\\)$", "");
      throw new UsageException("not a JSON object: " + reason);
    }
    if (!root.isObject()) {
      throw new UsageException("not a JSON object: " + shortened(line));
    }
    return root;
  }

  /**
   * What the line's writer calls it, or null.
   *
   * @throws UsageException if that is neither text nor a number
   */
  static @Nullable JsonNode id(JsonNode root) {
    JsonNode id = root.get("id");
    if (id == null || id.isNull()) {
      return null;
    }
    if (!id.isString() && !id.isNumber()) {
      throw new UsageException("\"id\" must be text or a number");
    }
    return id;
  }

  /**
   * Reads what a line asks.
   *
   * @throws UsageException if that is no question
   */
  static BatchLine of(JsonNode root) {
    for (String key : root.propertyNames()) {
      if (!KEYS.contains(key)) {
        throw new UsageException(
            "unknown key \"" + shortened(key) + "\"; known are prompt, rawPrompt, images and id");
      }
    }
    if (root.has("prompt") == root.has("rawPrompt")) {
      throw new UsageException("a question needs either \"prompt\" or \"rawPrompt\"");
    }
    boolean raw = root.has("rawPrompt");
    String prompt = text(root.get(raw ? "rawPrompt" : "prompt"), raw ? "rawPrompt" : "prompt");
    JsonNode images = root.path("images");
    if (!images.isMissingNode() && !images.isArray()) {
      throw new UsageException("\"images\" must be a list of file names");
    }
    List<Path> files = images.valueStream().map(image -> Path.of(text(image, "images"))).toList();
    return new BatchLine(prompt, raw, files);
  }

  private static String shortened(String text) {
    return text.length() <= LONGEST_QUOTE ? text : text.substring(0, LONGEST_QUOTE) + "…";
  }

  private static String text(JsonNode value, String key) {
    if (!value.isString()) {
      throw new UsageException(
          "\"" + key + "\" must be " + (key.equals("images") ? "a list of file names" : "text"));
    }
    return value.stringValue();
  }

  /**
   * The question, its images read.
   *
   * @throws org.pyramiddrop.loader.ImageException if one can't be
   */
  Question question(ImageOptions imageOptions) {
    return new Question(prompt, images.stream().map(imageOptions::read).toList(), raw);
  }
}
