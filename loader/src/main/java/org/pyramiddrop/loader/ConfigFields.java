package org.pyramiddrop.loader;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.pyramiddrop.loader.json.JsonValue;

/**
 * A JSON object of a configuration file, read field by field with checks; a field that is null
 * counts as absent. Messages name the file and the field.
 */
final class ConfigFields {
  private final Path file;
  private final String prefix;
  private final JsonValue.Obj object;

  private ConfigFields(Path file, String prefix, JsonValue.Obj object) {
    this.file = file;
    this.prefix = prefix;
    this.object = object;
  }

  static ConfigFields read(Path file) {
    return new ConfigFields(file, "", Json.readObject(file));
  }

  /** Fields with values that the program knows, as if a file had them. */
  static ConfigFields of(Path file, Map<String, JsonValue> values) {
    return new ConfigFields(file, "", new JsonValue.Obj(values));
  }

  /** Whether the field is there and not null. */
  boolean has(String key) {
    return !(object.get(key) instanceof JsonValue.Null);
  }

  /**
   * Whether the field is there and says null, which in places means "none" rather than "the
   * default".
   */
  boolean isNull(String key) {
    return object.properties().containsKey(key) && !has(key);
  }

  boolean isObject(String key) {
    return object.get(key) instanceof JsonValue.Obj;
  }

  boolean isList(String key) {
    return object.get(key) instanceof JsonValue.Arr;
  }

  /** The object in a field; one without fields if it is absent. */
  ConfigFields object(String key) {
    return switch (object.get(key)) {
      case JsonValue.Obj nested -> new ConfigFields(file, prefix + key + ".", nested);
      case JsonValue.Null none ->
          new ConfigFields(file, prefix + key + ".", new JsonValue.Obj(Map.of()));
      default -> throw wrong(key, "must be an object");
    };
  }

  /** The objects in a list; what is none is left out. */
  List<ConfigFields> objects(String key) {
    List<ConfigFields> objects = new ArrayList<>();
    for (JsonValue value : list(key)) {
      if (value instanceof JsonValue.Obj nested) {
        objects.add(new ConfigFields(file, prefix + key + ".", nested));
      }
    }
    return objects;
  }

  /** The objects among the members of the object in a field. */
  List<ConfigFields> members(String key) {
    List<ConfigFields> members = new ArrayList<>();
    ConfigFields outer = object(key);
    for (String name : outer.object.properties().keySet()) {
      if (outer.isObject(name)) {
        members.add(outer.object(name));
      }
    }
    return members;
  }

  int integer(String key, int absent) {
    return has(key) ? integer(key, object.get(key)) : absent;
  }

  int positive(String key, int absent) {
    int value = integer(key, absent);
    if (value <= 0) {
      throw wrong(key, "must be positive");
    }
    return value;
  }

  /** A positive integer no larger than {@code most}; a file that says more means nothing. */
  int positive(String key, int absent, int most) {
    int value = positive(key, absent);
    if (value > most) {
      throw wrong(key, "is more than the " + most + " that are supported");
    }
    return value;
  }

  /** One integer or a list of them; empty if absent. */
  List<Integer> integers(String key) {
    if (!has(key)) {
      return List.of();
    }
    List<JsonValue> values = isList(key) ? list(key) : List.of(object.get(key));
    return values.stream().map(value -> integer(key, value)).toList();
  }

  double positive(String key, double absent) {
    double value = has(key) ? number(key, object.get(key)) : absent;
    if (!(value > 0) || Double.isInfinite(value)) {
      throw wrong(key, "must be a positive number");
    }
    return value;
  }

  /**
   * What a norm adds to a variance: positive, at most 1, and no less as a float than a float is.
   */
  float epsilon(String key, double absent) {
    double value = positive(key, absent);
    if (value > 1 || (float) value < Float.MIN_NORMAL) {
      throw wrong(key, "must be from " + Float.MIN_NORMAL + " to 1");
    }
    return (float) value;
  }

  /** A list of pairs, height before width; empty if absent. */
  List<Resolution> resolutions(String key) {
    return pairs(key, "height before width").stream()
        .map(pair -> new Resolution(pair.get(0), pair.get(1)))
        .toList();
  }

  /** The same, width before height. */
  List<Resolution> resolutionsWidthFirst(String key) {
    return pairs(key, "width before height").stream()
        .map(pair -> new Resolution(pair.get(1), pair.get(0)))
        .toList();
  }

  private List<List<Integer>> pairs(String key, String order) {
    String rule = "must be a list of pairs of positive integers, " + order;
    if (has(key) && !isList(key)) {
      throw wrong(key, rule);
    }
    List<List<Integer>> pairs = new ArrayList<>();
    for (JsonValue value : list(key)) {
      if (!(value instanceof JsonValue.Arr(List<JsonValue> pair))
          || pair.size() != 2
          || pair.stream().anyMatch(side -> integer(key, side) < 1)) {
        throw wrong(key, rule);
      }
      pairs.add(pair.stream().map(side -> integer(key, side)).toList());
    }
    return pairs;
  }

  /** A list of three numbers, one a colour channel. */
  double[] channels(String key, double[] absent) {
    if (!has(key)) {
      return absent.clone();
    }
    if (list(key).size() != 3) {
      throw wrong(key, "must be a list of 3 numbers");
    }
    double[] numbers = list(key).stream().mapToDouble(value -> number(key, value)).toArray();
    for (double number : numbers) {
      if (Float.isInfinite((float) number)) {
        throw wrong(key, "must hold numbers that a float can be");
      }
    }
    return numbers;
  }

  boolean flag(String key, boolean absent) {
    return switch (object.get(key)) {
      case JsonValue.Bool(boolean value) -> value;
      case JsonValue.Null none -> absent;
      default -> throw wrong(key, "must be true or false");
    };
  }

  Optional<String> text(String key) {
    return switch (object.get(key)) {
      case JsonValue.Str(String value) -> Optional.of(value);
      case JsonValue.Null none -> Optional.empty();
      default -> throw wrong(key, "must be a string");
    };
  }

  String text(String key, String absent) {
    return text(key).orElse(absent);
  }

  /** A text field that may only take certain values. */
  String oneOf(String key, String absent, List<String> supported) {
    String value = text(key, absent);
    if (!supported.contains(value)) {
      throw wrong(key, "isn't supported; supported: " + String.join(", ", supported));
    }
    return value;
  }

  /** A complaint about one field; shows its value. */
  CheckpointException wrong(String key, String rule) {
    String value =
        object.properties().containsKey(key)
            ? " = " + OneLine.shorten(object.get(key).toString())
            : " (absent)";
    return new CheckpointException(file, prefix + key + value + " " + rule);
  }

  private List<JsonValue> list(String key) {
    return object.get(key) instanceof JsonValue.Arr(List<JsonValue> values) ? values : List.of();
  }

  private int integer(String key, JsonValue value) {
    if (!(value instanceof JsonValue.Whole(long whole)) || whole != (int) whole) {
      throw wrong(key, "must be an integer");
    }
    return (int) whole;
  }

  private double number(String key, JsonValue value) {
    return switch (value) {
      case JsonValue.Whole(long whole) -> whole;
      case JsonValue.Real real -> real.value();
      default -> throw wrong(key, "must be a number");
    };
  }
}
