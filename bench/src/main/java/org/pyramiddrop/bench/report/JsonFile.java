package org.pyramiddrop.bench.report;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Results as JSON: records, written and read back by their components. */
public final class JsonFile {
  /** Indents, and refuses a file that lacks a component. */
  static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .build();

  private JsonFile() {}

  public static void write(Path file, Object result) {
    OutputFile.write(file, List.of(MAPPER.writeValueAsString(result)));
  }

  /**
   * Reads a result.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static <T> T read(Path file, Class<T> type, String command) {
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException("no results at " + file + "; " + command + " writes them");
    }
    try {
      return MAPPER.readValue(file, type);
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          "%s holds no results of %s: %s".formatted(file, command, e.getOriginalMessage()), e);
    }
  }
}
