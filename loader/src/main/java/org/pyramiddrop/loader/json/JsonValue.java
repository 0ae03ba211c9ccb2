package org.pyramiddrop.loader.json;

import java.util.List;
import java.util.Map;

/** A JSON value; {@code toString} shows it in messages. */
public sealed interface JsonValue {
  /** What is not there: an absent property, or an explicit null. */
  JsonValue NULL = new Null();

  /** An object; its properties keep the file's order. */
  record Obj(Map<String, JsonValue> properties) implements JsonValue {
    /** The property of this name, {@link #NULL} if there is none. */
    public JsonValue get(String key) {
      return properties.getOrDefault(key, NULL);
    }

    @Override
    public String toString() {
      return "{…}";
    }
  }

  /** A list. */
  record Arr(List<JsonValue> values) implements JsonValue {
    @Override
    public String toString() {
      return values.toString();
    }
  }

  /** A string. */
  record Str(String value) implements JsonValue {
    @Override
    public String toString() {
      return "\"" + value + "\"";
    }
  }

  /** A number written without point and exponent that fits a long. */
  record Whole(long value) implements JsonValue {
    @Override
    public String toString() {
      return Long.toString(value);
    }
  }

  /** Any other number; {@code text} is how it is written. */
  record Real(double value, String text) implements JsonValue {
    @Override
    public String toString() {
      return text;
    }
  }

  /** True or false. */
  record Bool(boolean value) implements JsonValue {
    @Override
    public String toString() {
      return Boolean.toString(value);
    }
  }

  /** Null. */
  record Null() implements JsonValue {
    @Override
    public String toString() {
      return "null";
    }
  }
}
