package org.pyramiddrop.loader.tokenizer;

import java.util.List;
import java.util.Map;

/** A JSON value; {@code toString} shows it in messages. */
sealed interface JsonTree {
  /** What is not there, or an explicit null. */
  JsonTree NOTHING = new Nothing();

  /** An object; its members keep the file's order. */
  record Members(Map<String, JsonTree> byName) implements JsonTree {
    @Override
    public String toString() {
      return "{…}";
    }
  }

  /** A list. */
  record Elements(List<JsonTree> values) implements JsonTree {
    @Override
    public String toString() {
      return "[…]";
    }
  }

  /** A string. */
  record Text(String value) implements JsonTree {
    @Override
    public String toString() {
      return '"' + value + '"';
    }
  }

  /** A number written without point and exponent that fits a long. */
  record Whole(long value) implements JsonTree {
    @Override
    public String toString() {
      return Long.toString(value);
    }
  }

  /** Any other number, as it is written. */
  record Real(String written) implements JsonTree {
    @Override
    public String toString() {
      return written;
    }
  }

  /** True or false. */
  record Flag(boolean value) implements JsonTree {
    @Override
    public String toString() {
      return Boolean.toString(value);
    }
  }

  /** Null. */
  record Nothing() implements JsonTree {
    @Override
    public String toString() {
      return "null";
    }
  }
}
