package org.pyramiddrop.loader;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.pyramiddrop.loader.json.JsonReader;
import org.pyramiddrop.loader.json.JsonValue;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;

/**
 * Strict JSON: well-formed UTF-8, one object and nothing after it, no key twice. A byte order mark,
 * which some editors write, is skipped.
 */
final class Json {
  /** As long as a safetensors header may be; no file that is read whole comes near. */
  private static final int LONGEST_FILE = 100_000_000;

  private static final char BYTE_ORDER_MARK = '\uFEFF';

  private Json() {}

  /** The object that a whole file holds. */
  static JsonValue.Obj readObject(Path file) {
    return parseObject(file, ByteBuffer.wrap(readBytes(file)), "the file");
  }

  /** The UTF-8 text that a whole file holds, its line ends all {@code \n}. */
  static String readText(Path file) {
    return decode(file, ByteBuffer.wrap(readBytes(file)), "the file")
        .replace("\r\n", "\n")
        .replace('\r', '\n');
  }

  /** The object in these bytes of a file; {@code what} names them in messages. */
  static JsonValue.Obj parseObject(Path file, ByteBuffer bytes, String what) {
    String text = decode(file, bytes, what);
    try (JsonParser parser = JsonReader.FACTORY.createParser(ObjectReadContext.empty(), text)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new CheckpointException(file, what + " must hold a JSON object");
      }
      JsonValue.Obj object = JsonReader.object(parser);
      if (parser.nextToken() != null) {
        throw new CheckpointException(
            file, what + " is not valid JSON: something follows the object");
      }
      return object;
    } catch (JacksonException e) {
      throw new CheckpointException(
          file, what + " is not valid JSON: " + e.getOriginalMessage(), e);
    }
  }

  private static String decode(Path file, ByteBuffer bytes, String what) {
    if (isUtf16(bytes)) {
      throw new CheckpointException(file, what + " is UTF-16; save it as UTF-8");
    }
    try {
      String text =
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .onUnmappableCharacter(CodingErrorAction.REPORT)
              .decode(bytes)
              .toString();
      return text.indexOf(BYTE_ORDER_MARK) == 0 ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw new CheckpointException(file, what + " is not valid UTF-8", e);
    }
  }

  private static boolean isUtf16(ByteBuffer bytes) {
    if (bytes.remaining() < 2) {
      return false;
    }
    int start = (bytes.get(0) & 0xFF) << 8 | (bytes.get(1) & 0xFF);
    return start == 0xFEFF || start == 0xFFFE;
  }

  private static byte[] readBytes(Path file) {
    if (Files.isDirectory(file)) {
      throw new CheckpointException(file, "is a folder, not a file");
    }
    byte[] bytes;
    try (InputStream stream = Files.newInputStream(file)) {
      bytes = stream.readNBytes(LONGEST_FILE + 1);
    } catch (NoSuchFileException e) {
      throw new CheckpointException(file, "no such file", e);
    } catch (IOException e) {
      throw new CheckpointException(file, "can't be read: " + FailureReason.of(e), e);
    }
    if (bytes.length > LONGEST_FILE) {
      throw new CheckpointException(
          file, "is longer than the " + LONGEST_FILE + " bytes that are read");
    }
    if (LargeFileStorage.isPointer(bytes)) {
      throw new CheckpointException(file, LargeFileStorage.ADVICE);
    }
    return bytes;
  }
}
