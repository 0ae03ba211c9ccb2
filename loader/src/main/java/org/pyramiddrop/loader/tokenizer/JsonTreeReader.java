package org.pyramiddrop.loader.tokenizer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;

/**
 * Strict JSON for files of hundreds of thousands of names: well-formed UTF-8 and UTF-16, one object
 * and nothing after it, no name twice.
 */
final class JsonTreeReader {
  // The largest vocabularies in use take 35 MB.
  private static final long LARGEST_FILE = 256L << 20;
  private static final int LONGEST_TEXT = 10_000_000;
  private static final String LFS_POINTER = "version https://git-lfs";

  // A vocabulary's names come once each, so a table of names seen would only cost.
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNameLength(LONGEST_TEXT)
                  .maxStringLength(LONGEST_TEXT)
                  .build())
          .build();

  private JsonTreeReader() {}

  /**
   * The object that a whole file holds.
   *
   * @throws TokenizerException if the file can't be read or is not strict JSON
   */
  static JsonPlace read(Path file) {
    return new JsonPlace("", parse(text(file)));
  }

  private static JsonTree.Members parse(String text) {
    try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), text)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw broken("must hold a JSON object");
      }
      JsonTree.Members object = members(parser);
      if (parser.nextToken() != null) {
        throw broken("is not valid JSON: something follows the object");
      }
      return object;
    } catch (JacksonException e) {
      throw new TokenizerException(
          JsonPlace.COMPLAINT + "the file is not valid JSON: " + e.getOriginalMessage(), e);
    }
  }

  // The parser limits how deep values nest, so the recursion is limited too.
  private static JsonTree value(JsonParser parser, JsonToken token) {
    return switch (token) {
      case START_OBJECT -> members(parser);
      case START_ARRAY -> {
        List<JsonTree> values = new ArrayList<>(2);
        for (JsonToken next = parser.nextToken();
            next != JsonToken.END_ARRAY;
            next = parser.nextToken()) {
          values.add(value(parser, next));
        }
        yield new JsonTree.Elements(values);
      }
      case VALUE_STRING -> new JsonTree.Text(wellFormed(parser.getString()));
      case VALUE_NUMBER_INT ->
          parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
              ? new JsonTree.Real(parser.getString())
              : new JsonTree.Whole(parser.getLongValue());
      case VALUE_NUMBER_FLOAT -> new JsonTree.Real(parser.getString());
      case VALUE_TRUE -> new JsonTree.Flag(true);
      case VALUE_FALSE -> new JsonTree.Flag(false);
      case VALUE_NULL -> JsonTree.NOTHING;
      default -> throw new IllegalStateException("unexpected " + token);
    };
  }

  private static JsonTree.Members members(JsonParser parser) {
    Map<String, JsonTree> byName = new LinkedHashMap<>();
    for (String name = parser.nextName(); name != null; name = parser.nextName()) {
      JsonTree value = value(parser, parser.nextToken());
      if (byName.put(wellFormed(name), value) != null) {
        throw broken("has '" + JsonPlace.shorten(name) + "' twice in one object");
      }
    }
    return new JsonTree.Members(byName);
  }

  // An escape can write half of a surrogate pair, which is no text.
  private static String wellFormed(String text) {
    if (!WellFormed.is(text)) {
      throw broken("has a string with half of a surrogate pair: " + JsonPlace.shorten(text));
    }
    return text;
  }

  private static TokenizerException broken(String rule) {
    return new TokenizerException(JsonPlace.COMPLAINT + "the file " + rule, null);
  }

  private static String text(Path file) {
    ByteBuffer bytes;
    try {
      if (Files.size(file) > LARGEST_FILE) {
        throw new TokenizerException(
            JsonPlace.COMPLAINT + "is larger than " + (LARGEST_FILE >> 20) + " MB", null);
      }
      bytes = ByteBuffer.wrap(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new TokenizerException("can't be read: " + e.getMessage(), e);
    }
    String text;
    try {
      text =
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .onUnmappableCharacter(CodingErrorAction.REPORT)
              .decode(bytes)
              .toString();
    } catch (CharacterCodingException e) {
      throw new TokenizerException(JsonPlace.COMPLAINT + "the file is not valid UTF-8", e);
    }
    if (text.startsWith(LFS_POINTER)) {
      throw new TokenizerException(
          "is a Git LFS pointer and not the file itself; run git lfs pull in its folder", null);
    }
    return text.startsWith("\uFEFF") ? text.substring(1) : text;
  }
}
