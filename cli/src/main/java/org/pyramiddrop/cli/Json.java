package org.pyramiddrop.cli;

import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.json.JsonMapper;

/** Writes a record as one JSON object, its keys in the record's order. */
final class Json {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY).build();

  private Json() {}

  static String write(Object object) {
    return MAPPER.writeValueAsString(object);
  }
}
