package org.pyramiddrop.bench.accuracy.dataset;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;

/**
 * One question as a file has it; fields that nobody asks for are passed over.
 *
 * @param node any JSON value; what is no object has no fields
 * @param where the file and the line, for messages
 * @param number its line or its place in the array
 */
record Entry(JsonNode node, String where, String number) {

  /** Whether the field is there. */
  boolean has(String field) {
    return node.has(field);
  }

  /** A string that is more than white space. */
  String text(String field) {
    return text(field, "a string that is not blank", text -> !text.isBlank());
  }

  /** A string of a kind. */
  String text(String field, String expected, Predicate<String> valid) {
    JsonNode value = node.path(field);
    if (!value.isString() || !valid.test(value.stringValue())) {
      throw bad(field, expected);
    }
    return value.stringValue();
  }

  /** A string that is more than white space, or a whole number, as text. */
  String name(String field) {
    JsonNode value = node.path(field);
    return value.isIntegralNumber() ? value.asString() : text(field);
  }

  /** At least one string of a kind. */
  List<String> texts(String field, String expected, Predicate<String> valid) {
    List<String> texts = new ArrayList<>();
    for (JsonNode value : node.path(field)) {
      if (!value.isString() || !valid.test(value.stringValue())) {
        throw bad(field, expected);
      }
      texts.add(value.stringValue());
    }
    if (!node.path(field).isArray() || texts.isEmpty()) {
      throw bad(field, "an array of at least one string");
    }
    return texts;
  }

  /** The error for a field that is not what it should be. */
  IllegalArgumentException bad(String field, String expected) {
    String found =
        !node.isObject() ? "the line is no object" : has(field) ? "it is another" : "it is missing";
    return new IllegalArgumentException(
        "%s: expected \"%s\" to be %s, but %s".formatted(where, field, expected, found));
  }
}
