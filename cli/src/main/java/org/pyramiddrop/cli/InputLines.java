package org.pyramiddrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import org.jspecify.annotations.Nullable;

/**
 * The standard input line by line, in UTF-8 whatever the locale is. Lines end with a line feed, a
 * carriage return before it or not; the last one may end with nothing; a byte order mark is no part
 * of the first.
 */
final class InputLines {
  private static final String BYTE_ORDER_MARK = "\uFEFF";

  private final BufferedInputStream in;
  private long number;

  InputLines(InputStream in) {
    this.in = new BufferedInputStream(in);
  }

  /** The next line, or null after the last. */
  @Nullable InputLine next() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    int b = in.read();
    if (b < 0) {
      return null;
    }
    while (b >= 0 && b != '\n') {
      line.write(b);
      b = in.read();
    }
    number++;
    return new InputLine(number, text(line.toByteArray()));
  }

  /** Whether at least a part of a line is there without waiting. */
  boolean ready() throws IOException {
    return in.available() > 0;
  }

  private @Nullable String text(byte[] line) {
    int length = line.length > 0 && line[line.length - 1] == '\r' ? line.length - 1 : line.length;
    String text;
    try {
      text = UTF_8.newDecoder().decode(ByteBuffer.wrap(line, 0, length)).toString();
    } catch (CharacterCodingException e) {
      return null;
    }
    return number == 1 && text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
  }
}
