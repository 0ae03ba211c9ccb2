package org.pyramiddrop.loader.json;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/** Reads values where a parser stands. */
public final class JsonReader {
  /**
   * Makes parsers that take no key twice. The streaming half of Jackson alone: binding would double
   * the time that a small model takes to open.
   */
  public static final JsonFactory FACTORY =
      JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private JsonReader() {}

  /**
   * The value that begins with a parser's current token; behind it the parser stands at its last.
   *
   * @throws tools.jackson.core.JacksonException if it isn't well-formed
   */
  // The parser limits how deep values nest, so the recursion is limited too.
  public static JsonValue value(JsonParser parser) {
    return switch (parser.currentToken()) {
      case START_OBJECT -> object(parser);
      case START_ARRAY -> {
        List<JsonValue> values = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          values.add(value(parser));
        }
        yield new JsonValue.Arr(values);
      }
      case VALUE_STRING -> new JsonValue.Str(parser.getString());
      case VALUE_NUMBER_INT ->
          parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
              ? new JsonValue.Real(parser.getDoubleValue(), parser.getString())
              : new JsonValue.Whole(parser.getLongValue());
      case VALUE_NUMBER_FLOAT -> new JsonValue.Real(parser.getDoubleValue(), parser.getString());
      case VALUE_TRUE -> new JsonValue.Bool(true);
      case VALUE_FALSE -> new JsonValue.Bool(false);
      case VALUE_NULL -> JsonValue.NULL;
      default -> throw new IllegalStateException("unexpected " + parser.currentToken());
    };
  }

  /** The object that a parser stands at the beginning of. */
  public static JsonValue.Obj object(JsonParser parser) {
    Map<String, JsonValue> properties = new LinkedHashMap<>();
    for (String key = parser.nextName(); key != null; key = parser.nextName()) {
      parser.nextToken();
      properties.put(key, value(parser));
    }
    return new JsonValue.Obj(properties);
  }
}
