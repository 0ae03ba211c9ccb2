package org.pyramiddrop.loader.dataset;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;
import org.pyramiddrop.loader.AtomicFile;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/**
 * Where each entry of a file lies, so that entries can be read in any order and as often as wanted
 * while none is held: 16 bytes an entry are in memory, however long the file is. The file is an
 * array of objects, or has an object in each line. Safe for use from several threads.
 */
public final class DatasetIndex implements AutoCloseable {
  private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

  /** Looks for the ends of entries alone; each entry is read strictly by itself. */
  private static final JsonFactory SCANNER = new JsonFactory();

  private final Path file;
  private final FileChannel channel;
  private final long bytes;
  private final FileTime modified;
  private long[] starts = new long[16];
  private int[] lengths = new int[16];
  private int[] lines = new int[16];
  private int size;
  private boolean array;
  private long checksum;

  private DatasetIndex(Path file, FileChannel channel) throws IOException {
    this.file = file;
    this.channel = channel;
    modified = Files.getLastModifiedTime(file);
    bytes = channel.size();
  }

  /**
   * Finds a file's entries, whatever is in them.
   *
   * @throws IllegalArgumentException if the file can't be read, or is an array that doesn't hold
   *     together; the message names the file and the line
   */
  public static DatasetIndex open(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(
          file + (Files.exists(file) ? ": not a regular file" : ": no such file"));
    }
    try {
      FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
      try {
        DatasetIndex index = new DatasetIndex(file, channel);
        index.scan();
        return index;
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static IllegalArgumentException unreadable(Path file, IOException e) {
    return new IllegalArgumentException(file + " can't be read: " + AtomicFile.reason(e), e);
  }

  private void scan() throws IOException {
    CheckedInputStream checked = new CheckedInputStream(Files.newInputStream(file), new CRC32C());
    try (BufferedInputStream in = new BufferedInputStream(checked, 1 << 16)) {
      int skipped = skipByteOrderMark(in);
      array = firstCharacter(in) == '[';
      if (array) {
        scanArray(in, skipped);
      } else {
        scanLines(in, skipped);
      }
    }
    checksum = checked.getChecksum().getValue();
  }

  // Editors may begin a file with one.
  private static int skipByteOrderMark(BufferedInputStream in) throws IOException {
    in.mark(BYTE_ORDER_MARK.length);
    if (Arrays.equals(in.readNBytes(BYTE_ORDER_MARK.length), BYTE_ORDER_MARK)) {
      return BYTE_ORDER_MARK.length;
    }
    in.reset();
    return 0;
  }

  private static int firstCharacter(BufferedInputStream in) throws IOException {
    in.mark(1 << 16);
    int first = in.read();
    for (int read = 1; isSpace(first) && read < 1 << 16; read++) {
      first = in.read();
    }
    in.reset();
    return first;
  }

  private static boolean isSpace(int c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
  }

  private void scanLines(InputStream in, long from) throws IOException {
    byte[] buffer = new byte[1 << 16];
    long at = from;
    long start = from;
    boolean blank = true;
    int line = 1;
    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
      for (int i = 0; i < read; i++, at++) {
        if (buffer[i] == '\n') {
          if (!blank) {
            add(start, at, line);
          }
          start = at + 1;
          blank = true;
          line++;
        } else {
          blank &= isSpace(buffer[i]);
        }
      }
    }
    if (!blank) {
      add(start, at, line);
    }
  }

  private void scanArray(InputStream in, long from) {
    try (JsonParser parser = SCANNER.createParser(ObjectReadContext.empty(), in)) {
      parser.nextToken();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        int line = parser.currentTokenLocation().getLineNr();
        long start = parser.currentTokenLocation().getByteOffset();
        parser.skipChildren();
        parser.finishToken();
        // Other encodings than UTF-8 are counted in characters.
        if (start < 0) {
          throw new IllegalArgumentException(file + ": not UTF-8, which JSON has to be");
        }
        add(from + start, from + parser.currentLocation().getByteOffset(), line);
      }
      if (parser.nextToken() != null) {
        throw new IllegalArgumentException(
            "%s, line %d: something follows the array"
                .formatted(file, parser.currentTokenLocation().getLineNr()));
      }
    } catch (JacksonException e) {
      throw DatasetFile.invalid(file, e);
    }
  }

  private void add(long start, long end, int line) {
    if (end - start > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "%s, line %d: an entry of %d bytes; one may have 2 GiB"
              .formatted(file, line, end - start));
    }
    if (size == starts.length) {
      starts = Arrays.copyOf(starts, 2 * size);
      lengths = Arrays.copyOf(lengths, 2 * size);
      lines = Arrays.copyOf(lines, 2 * size);
    }
    starts[size] = start;
    lengths[size] = (int) (end - start);
    lines[size] = line;
    size++;
  }

  /** How many entries the file has. */
  public int size() {
    return size;
  }

  /** Tells this content from another: the file's CRC-32C. */
  public long checksum() {
    return checksum;
  }

  /**
   * Reads an entry.
   *
   * @param index from 0, in the file's order
   * @throws IllegalArgumentException if it is no strict JSON, or the file has changed; the message
   *     names the file and the line
   */
  public DatasetEntry entry(int index) {
    String where = where(index);
    byte[] read = new byte[lengths[index]];
    try {
      refuseIfChanged();
      ByteBuffer to = ByteBuffer.wrap(read);
      while (to.hasRemaining()) {
        if (channel.read(to, starts[index] + to.position()) < 0) {
          throw new EOFException("it ends too early");
        }
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    String number = String.valueOf(array ? index : lines[index]);
    return new DatasetEntry(DatasetFile.value(where, decoded(where, read)), where, number);
  }

  private String where(int index) {
    String line = file + ", line " + lines[index];
    return array ? line + ", [" + index + "]" : line;
  }

  private static String decoded(String where, byte[] read) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(read)).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(where + ": not UTF-8, which JSON has to be", e);
    }
  }

  private void refuseIfChanged() throws IOException {
    if (channel.size() != bytes || !Files.getLastModifiedTime(file).equals(modified)) {
      throw new IllegalArgumentException(file + " changed while it was in use; begin again");
    }
  }

  /** Closes the file; no entry can be read any more. */
  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }
}
