package org.pyramiddrop.loader.dataset;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.pyramiddrop.loader.OneLine;
import org.pyramiddrop.loader.json.JsonValue;

/** One entry of a dataset as its file has it; fields that nobody asks for are passed over. */
public final class DatasetEntry {
  private final JsonValue value;
  private final String where;
  private final String number;

  /**
   * An entry.
   *
   * @param value any; what is no object has no fields
   * @param where the file and the line, for messages
   * @param number its line or its place in the array
   */
  DatasetEntry(JsonValue value, String where, String number) {
    this.value = value;
    this.where = where;
    this.number = number;
  }

  /** The file and the line, for messages. */
  public String where() {
    return where;
  }

  /** The same entry, with a name of its own in messages. */
  public DatasetEntry called(String name) {
    return new DatasetEntry(value, where + ", id " + OneLine.of(OneLine.shorten(name)), number);
  }

  /** Its line, or its place in the array. */
  public String number() {
    return number;
  }

  /** Whether the field is there. */
  public boolean has(String field) {
    return value instanceof JsonValue.Obj object && object.properties().containsKey(field);
  }

  private JsonValue field(String name) {
    return value instanceof JsonValue.Obj object ? object.get(name) : JsonValue.NULL;
  }

  /** A string that is more than white space. */
  public String text(String field) {
    return text(field, "a string that is not blank", text -> !text.isBlank());
  }

  /** A string of a kind. */
  public String text(String field, String expected, Predicate<String> valid) {
    if (field(field) instanceof JsonValue.Str(String text) && valid.test(text)) {
      return text;
    }
    throw bad(field, expected);
  }

  /** A string that is more than white space, or a whole number, as text. */
  public String name(String field) {
    return switch (field(field)) {
      case JsonValue.Whole(long number) -> String.valueOf(number);
      case JsonValue.Real(_, String digits) when digits.matches("-?\\d+") -> digits;
      default -> text(field);
    };
  }

  /** At least one string of a kind. */
  public List<String> texts(String field, String expected, Predicate<String> valid) {
    List<String> texts = new ArrayList<>();
    for (JsonValue element : array(field, "an array of at least one string")) {
      if (!(element instanceof JsonValue.Str(String text)) || !valid.test(text)) {
        throw bad(field, expected);
      }
      texts.add(text);
    }
    return texts;
  }

  /** A string, or an array of any number of them; none if the field is missing or null. */
  public List<String> anyTexts(String field, String expected, Predicate<String> valid) {
    List<JsonValue> values =
        switch (field(field)) {
          case JsonValue.Null _ -> List.of();
          case JsonValue.Arr(List<JsonValue> elements) -> elements;
          case JsonValue one -> List.of(one);
        };
    List<String> texts = new ArrayList<>();
    for (JsonValue element : values) {
      if (!(element instanceof JsonValue.Str(String text)) || !valid.test(text)) {
        throw bad(field, expected);
      }
      texts.add(text);
    }
    return texts;
  }

  /** At least one object, such as a turn of a conversation. */
  public List<DatasetEntry> entries(String field) {
    List<DatasetEntry> entries = new ArrayList<>();
    for (JsonValue element : array(field, "an array of at least one object")) {
      String place = "%s, %s[%d]".formatted(where, field, entries.size());
      entries.add(new DatasetEntry(element, place, String.valueOf(entries.size())));
    }
    return entries;
  }

  private List<JsonValue> array(String field, String expected) {
    if (field(field) instanceof JsonValue.Arr(List<JsonValue> values) && !values.isEmpty()) {
      return values;
    }
    throw bad(field, expected);
  }

  /** The error for a field that is not what it should be. */
  public IllegalArgumentException bad(String field, String expected) {
    String found =
        !(value instanceof JsonValue.Obj)
            ? "the line is no object"
            : has(field) ? "it is another" : "it is missing";
    return new IllegalArgumentException(
        "%s: expected \"%s\" to be %s, but %s".formatted(where, field, expected, found));
  }
}
