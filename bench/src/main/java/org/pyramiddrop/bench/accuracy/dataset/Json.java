package org.pyramiddrop.bench.accuracy.dataset;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.exc.JacksonIOException;
import tools.jackson.databind.json.JsonMapper;

/** Strict JSON out of files that nobody vouches for: no key twice, and errors that name a line. */
final class Json {
  static final JsonMapper MAPPER =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private Json() {}

  /** Hands on the object in each line; blank lines are passed over. */
  static void lines(Path file, Consumer<Entry> entries) {
    int number = 0;
    try (BufferedReader reader = Files.newBufferedReader(file)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        number++;
        // Editors may begin a file with a byte order mark.
        String text = number == 1 && line.startsWith("\uFEFF") ? line.substring(1) : line;
        if (!text.isBlank()) {
          entries.accept(entry(file, number, text));
        }
      }
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(
          file + ", after line " + number + ": not UTF-8, which JSON has to be", e);
    } catch (IOException e) {
      throw new IllegalArgumentException(file + " can't be read: " + e.getMessage(), e);
    }
  }

  private static Entry entry(Path file, int number, String line) {
    String where = file + ", line " + number;
    try {
      return new Entry(MAPPER.readTree(line), where, String.valueOf(number));
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          where + ": expected one JSON object: " + e.getOriginalMessage(), e);
    }
  }

  /** Hands on each object of the array under a name, one at a time, and passes over the rest. */
  static void elements(Path file, String array, Consumer<Entry> entries) {
    try (JsonParser parser = MAPPER.createParser(file)) {
      boolean found = false;
      if (parser.nextToken() == JsonToken.START_OBJECT) {
        for (String name = parser.nextName(); name != null; name = parser.nextName()) {
          if (parser.nextToken() == JsonToken.START_ARRAY && name.equals(array)) {
            found = true;
            for (int i = 0; parser.nextToken() != JsonToken.END_ARRAY; i++) {
              int line = parser.currentTokenLocation().getLineNr();
              String where = "%s, line %d, %s[%d]".formatted(file, line, array, i);
              entries.accept(new Entry(parser.readValueAsTree(), where, String.valueOf(i)));
            }
          } else {
            parser.skipChildren();
          }
        }
      }
      if (!found) {
        throw new IllegalArgumentException(
            file + ", line 1: expected one object with an array \"" + array + "\"");
      }
      if (parser.nextToken() != null) {
        throw new IllegalArgumentException(
            "%s, line %d: something follows the object"
                .formatted(file, parser.currentTokenLocation().getLineNr()));
      }
    } catch (JacksonException e) {
      throw invalid(file, e);
    }
  }

  /** The error for a file that can't be read, or is no JSON where the parser stands. */
  static IllegalArgumentException invalid(Path file, JacksonException e) {
    if (e instanceof JacksonIOException) {
      return new IllegalArgumentException(file + " can't be read: " + e.getOriginalMessage(), e);
    }
    int line = e.getLocation() == null ? 1 : Math.max(1, e.getLocation().getLineNr());
    return new IllegalArgumentException(
        "%s, line %d: not valid JSON: %s".formatted(file, line, e.getOriginalMessage()), e);
  }
}
