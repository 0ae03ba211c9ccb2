package org.pyramiddrop.bench.gpu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.pyramiddrop.bench.OutputFile;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Tables as Markdown, and beside them what a model came to as JSON. */
final class ResultFiles {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private ResultFiles() {}

  /** The file of the same name that JSON goes to. */
  static Path json(Path markdown) {
    String name = markdown.getFileName().toString();
    return markdown.resolveSibling(name.replaceFirst("\\.md$", "") + ".json");
  }

  /** Writes a result. */
  static void write(Path file, ModelResult result) {
    OutputFile.write(file, MAPPER.writeValueAsString(result).lines().toList());
  }

  /**
   * Reads a result.
   *
   * @throws IllegalArgumentException if it is none
   */
  static ModelResult read(Path file) {
    try {
      return MAPPER.readValue(Files.readString(file), ModelResult.class);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " can't be read: " + e.getMessage(), e);
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          file + " is no result of bench gpu: " + e.getOriginalMessage(), e);
    }
  }
}
