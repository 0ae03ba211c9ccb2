package org.pyramiddrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Whether the locale carried the command's words into Java unharmed. */
final class Locales {
  /** What Java puts in the place of bytes that the locale has no character for. */
  private static final String LOST = "\uFFFD";

  private Locales() {}

  /**
   * Refuses words that were damaged on their way.
   *
   * @param encoding of the locale, as {@code sun.jnu.encoding} names it
   * @param raw holds them as they were given, ended by zeros, where the system tells: Linux does in
   *     {@code /proc/self/cmdline}
   * @throws UsageException saying what to set
   */
  static void check(String encoding, Path raw, String... words) {
    if (Arrays.stream(words).noneMatch(word -> word.contains(LOST))) {
      return;
    }
    if (encoding.equalsIgnoreCase("UTF-8")) {
      // Somebody may mean that very character.
      if (!isUtf8(raw)) {
        throw new UsageException("this command's words are not UTF-8 text");
      }
    } else {
      throw new UsageException(
          "the locale's encoding, "
              + encoding
              + ", can't carry this command's words; set LC_ALL=C.UTF-8");
    }
  }

  private static boolean isUtf8(Path raw) {
    try {
      UTF_8.newDecoder().decode(ByteBuffer.wrap(Files.readAllBytes(raw)));
      return true;
    } catch (CharacterCodingException e) {
      return false;
    } catch (IOException e) {
      // Not told here.
      return true;
    }
  }
}
