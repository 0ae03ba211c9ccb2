package org.pyramiddrop.loader.dataset;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.pyramiddrop.loader.json.JsonReader;
import org.pyramiddrop.loader.json.JsonValue;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.exc.JacksonIOException;

/**
 * A file of JSON that nobody vouches for, read strictly and entry by entry, so that a large one
 * fits: no key twice, and errors that name a line.
 *
 * @param file lines of objects, or an array of them
 */
public record DatasetFile(Path file) {
  /**
   * Hands on the object in each line; blank lines are passed over.
   *
   * @throws IllegalArgumentException that names the file, and the line that isn't JSON
   */
  public void lines(Consumer<DatasetEntry> entries) {
    int number = 0;
    try (BufferedReader reader = Files.newBufferedReader(file)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        number++;
        // Editors may begin a file with a byte order mark.
        String text = number == 1 && line.startsWith("\uFEFF") ? line.substring(1) : line;
        if (!text.isBlank()) {
          String where = file + ", line " + number;
          entries.accept(new DatasetEntry(value(where, text), where, String.valueOf(number)));
        }
      }
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(
          file + ", after line " + number + ": not UTF-8, which JSON has to be", e);
    } catch (IOException e) {
      throw new IllegalArgumentException(file + " can't be read: " + e.getMessage(), e);
    }
  }

  /** The one JSON value that a text is. */
  static JsonValue value(String where, String text) {
    try (JsonParser parser = JsonReader.FACTORY.createParser(ObjectReadContext.empty(), text)) {
      parser.nextToken();
      JsonValue value = JsonReader.value(parser);
      if (parser.nextToken() != null) {
        throw new IllegalArgumentException(
            where + ": expected one JSON object: something follows it");
      }
      return value;
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          where + ": expected one JSON object: " + e.getOriginalMessage(), e);
    }
  }

  /**
   * Hands on each object of the array that the file is.
   *
   * @throws IllegalArgumentException that names the file and the line
   */
  public void array(Consumer<DatasetEntry> entries) {
    try (JsonParser parser = parser()) {
      if (parser.nextToken() != JsonToken.START_ARRAY) {
        throw new IllegalArgumentException(file + ", line 1: expected one array of objects");
      }
      elements(parser, "", entries);
      requireEnd(parser, "array");
    } catch (JacksonException e) {
      throw invalid(file, e);
    }
  }

  /**
   * Hands on each object of the array that the file's object has under a name, and passes over the
   * rest.
   *
   * @throws IllegalArgumentException that names the file and the line
   */
  public void array(String name, Consumer<DatasetEntry> entries) {
    try (JsonParser parser = parser()) {
      boolean found = false;
      while (toField(parser)) {
        boolean wanted = parser.currentName().equals(name);
        if (parser.nextToken() == JsonToken.START_ARRAY && wanted) {
          found = true;
          elements(parser, name, entries);
        } else {
          parser.skipChildren();
        }
      }
      if (!found) {
        throw new IllegalArgumentException(
            file + ", line 1: expected one object with an array \"" + name + "\"");
      }
      requireEnd(parser, "object");
    } catch (JacksonException e) {
      throw invalid(file, e);
    }
  }

  private void elements(JsonParser parser, String name, Consumer<DatasetEntry> entries) {
    for (int i = 0; parser.nextToken() != JsonToken.END_ARRAY; i++) {
      int line = parser.currentTokenLocation().getLineNr();
      String where = "%s, line %d, %s[%d]".formatted(file, line, name, i);
      entries.accept(new DatasetEntry(JsonReader.value(parser), where, String.valueOf(i)));
    }
  }

  private void requireEnd(JsonParser parser, String whole) {
    if (parser.nextToken() != null) {
      throw new IllegalArgumentException(
          "%s, line %d: something follows the %s"
              .formatted(file, parser.currentTokenLocation().getLineNr(), whole));
    }
  }

  /** Whether the file begins with an array rather than with an object. */
  public boolean isArray() {
    try (JsonParser parser = parser()) {
      return parser.nextToken() == JsonToken.START_ARRAY;
    } catch (JacksonException e) {
      throw invalid(file, e);
    }
  }

  /** Whether the file's first object has an array under this name; nothing in it is read. */
  public boolean hasArray(String name) {
    try (JsonParser parser = parser()) {
      while (toField(parser)) {
        boolean named = parser.currentName().equals(name);
        if (parser.nextToken() == JsonToken.START_ARRAY && named) {
          return true;
        }
        parser.skipChildren();
      }
      return false;
    } catch (JacksonException e) {
      throw invalid(file, e);
    }
  }

  /** The names of the first object's fields, in order of the alphabet; none if there is none. */
  public Set<String> fields() {
    try (JsonParser parser = parser()) {
      Set<String> names = new TreeSet<>();
      while (toField(parser)) {
        names.add(parser.currentName());
        parser.nextToken();
        parser.skipChildren();
      }
      return names;
    } catch (JacksonException e) {
      throw invalid(file, e);
    }
  }

  /** Moves on to the next field of the first object, if there is one. */
  private static boolean toField(JsonParser parser) {
    boolean begins = parser.currentToken() == null;
    return (!begins || parser.nextToken() == JsonToken.START_OBJECT) && parser.nextName() != null;
  }

  private JsonParser parser() {
    return JsonReader.FACTORY.createParser(ObjectReadContext.empty(), file);
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
