package org.pyramiddrop.serve;

import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * An object of a request, read field by field. What nobody has asked for when all is read would
 * have changed the answer elsewhere, so it is refused by name; null and empty ones say nothing.
 */
final class Fields {
  private final JsonNode object;
  private final String path;
  private final Set<String> read = new HashSet<>();

  /**
   * Reads an object.
   *
   * @param path where it stands in the request; empty for the request itself
   */
  Fields(JsonNode object, String path) {
    if (!object.isObject()) {
      throw ApiException.badValue(
          path.isEmpty() ? null : path,
          (path.isEmpty() ? "the body" : path) + " must be an object");
    }
    this.object = object;
    this.path = path;
  }

  /** What messages call a field. */
  String name(String field) {
    return path.isEmpty() ? field : path + "." + field;
  }

  /** A field's value; null if it isn't there, or is JSON's null. */
  @Nullable JsonNode value(String field) {
    read.add(field);
    JsonNode value = object.get(field);
    return value == null || value.isNull() ? null : value;
  }

  /** A text; null if it isn't there. */
  @Nullable String text(String field) {
    JsonNode value = value(field);
    if (value == null) {
      return null;
    }
    if (!value.isString()) {
      throw wrong(field, "must be a text");
    }
    return value.stringValue();
  }

  boolean flag(String field) {
    JsonNode value = value(field);
    if (value == null) {
      return false;
    }
    if (!value.isBoolean()) {
      throw wrong(field, "must be true or false");
    }
    return value.booleanValue();
  }

  @Nullable Double number(String field) {
    JsonNode value = value(field);
    if (value == null) {
      return null;
    }
    if (!value.isNumber()) {
      throw wrong(field, "must be a number");
    }
    return value.doubleValue();
  }

  @Nullable Long whole(String field) {
    JsonNode value = value(field);
    if (value == null) {
      return null;
    }
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw wrong(field, "must be a whole number");
    }
    return value.longValue();
  }

  /** A whole number that fits an int; too large ones are as large as it goes. */
  @Nullable Integer count(String field) {
    Long value = whole(field);
    if (value == null) {
      return null;
    }
    if (value < 0) {
      throw wrong(field, "must not be negative");
    }
    return (int) Math.min(value, Integer.MAX_VALUE);
  }

  /** Passes over fields that say who asks, or what to keep, and change no answer. */
  void ignore(String... fields) {
    read.addAll(Set.of(fields));
  }

  /** Refuses what wasn't read. */
  void refuseRest() {
    for (String field : object.propertyNames()) {
      JsonNode value = object.get(field);
      boolean empty = value.isNull() || (value.isContainer() && value.isEmpty());
      if (!read.contains(field) && !empty) {
        throw ApiException.unknownParameter(name(field));
      }
    }
  }

  ApiException wrong(String field, String how) {
    return ApiException.badValue(name(field), "'%s' %s".formatted(name(field), how));
  }
}
