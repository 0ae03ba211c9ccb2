package org.pyramiddrop.loader;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * A JSON object of a configuration file, read field by field with checks; a field that is null
 * counts as absent. Messages name the file and the field.
 */
final class Fields {
  private final Path file;
  private final String prefix;
  private final JsonNode object;

  private Fields(Path file, String prefix, JsonNode object) {
    this.file = file;
    this.prefix = prefix;
    this.object = object;
  }

  static Fields read(Path file) {
    return new Fields(file, "", Json.readObject(file));
  }

  /** Whether the field is there and not null. */
  boolean has(String key) {
    JsonNode node = object.get(key);
    return node != null && !node.isNull();
  }

  /**
   * Whether the field is there and says null, which in places means "none" rather than "the
   * default".
   */
  boolean isNull(String key) {
    JsonNode node = object.get(key);
    return node != null && node.isNull();
  }

  /** The object in a field; one without fields if it is absent. */
  Fields object(String key) {
    JsonNode node = has(key) ? object.path(key) : JsonNodeFactory.instance.objectNode();
    if (!node.isObject()) {
      throw wrong(key, "must be an object");
    }
    return new Fields(file, prefix + key + ".", node);
  }

  boolean isObject(String key) {
    return object.path(key).isObject();
  }

  boolean isList(String key) {
    return object.path(key).isArray();
  }

  int positive(String key, int absent) {
    int value = integer(key, absent);
    if (value <= 0) {
      throw wrong(key, "must be positive");
    }
    return value;
  }

  int integer(String key, int absent) {
    return has(key) ? integer(key, object.path(key)) : absent;
  }

  /** One integer or a list of them; empty if absent. */
  List<Integer> integers(String key) {
    List<Integer> values = new ArrayList<>();
    if (isList(key)) {
      for (JsonNode node : object.path(key).values()) {
        values.add(integer(key, node));
      }
    } else if (has(key)) {
      values.add(integer(key, object.path(key)));
    }
    return List.copyOf(values);
  }

  double positive(String key, double absent) {
    double value = has(key) ? number(key, object.path(key)) : absent;
    if (!(value > 0) || Double.isInfinite(value)) {
      throw wrong(key, "must be a positive number");
    }
    return value;
  }

  /** A list of three numbers, one a colour channel. */
  double[] channels(String key, double[] absent) {
    if (!has(key)) {
      return absent.clone();
    }
    JsonNode node = object.path(key);
    if (!node.isArray() || node.size() != 3) {
      throw wrong(key, "must be a list of 3 numbers");
    }
    return node.values().stream().mapToDouble(n -> number(key, n)).toArray();
  }

  boolean flag(String key, boolean absent) {
    if (has(key) && !object.path(key).isBoolean()) {
      throw wrong(key, "must be true or false");
    }
    return has(key) ? object.path(key).booleanValue() : absent;
  }

  String text(String key, String absent) {
    return text(key).orElse(absent);
  }

  Optional<String> text(String key) {
    if (!has(key)) {
      return Optional.empty();
    }
    if (!object.path(key).isString()) {
      throw wrong(key, "must be a string");
    }
    return Optional.of(object.path(key).stringValue());
  }

  /** A text field that may only take certain values. */
  String oneOf(String key, String absent, List<String> supported) {
    String value = text(key, absent);
    if (!supported.contains(value)) {
      throw wrong(key, "isn't supported; supported: " + String.join(", ", supported));
    }
    return value;
  }

  /** The objects in a list, those that are none left out. */
  List<Fields> objects(String key) {
    List<Fields> objects = new ArrayList<>();
    for (JsonNode node : object.path(key).values()) {
      if (node.isObject()) {
        objects.add(new Fields(file, prefix + key + ".", node));
      }
    }
    return objects;
  }

  /** A complaint about one field; shows its value. */
  CheckpointException wrong(String key, String rule) {
    JsonNode node = object.get(key);
    String value = node == null ? " (absent)" : " = " + OneLine.shorten(node.toString());
    return new CheckpointException(file, prefix + key + value + " " + rule);
  }

  private int integer(String key, JsonNode node) {
    if (!node.isIntegralNumber() || !node.canConvertToInt()) {
      throw wrong(key, "must be an integer");
    }
    return node.intValue();
  }

  private double number(String key, JsonNode node) {
    if (!node.isNumber()) {
      throw wrong(key, "must be a number");
    }
    return node.doubleValue();
  }
}
