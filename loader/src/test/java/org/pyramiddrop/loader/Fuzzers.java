package org.pyramiddrop.loader;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.code_intelligence.jazzer.junit.DictionaryFile;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files as others damage them: whatever they hold, reading ends in an answer or in one of the
 * documented exceptions, within {@link Bounds}. {@link FuzzersTest} runs these, in JVMs of their
 * own; run like other tests they read their seeds alone, which make_seeds.py made.
 */
class Fuzzers {
  /** What means something to one format or another. */
  private static final String PIECES = "Fuzzers.dict";

  @TempDir Path folder;
  private Readers readers;

  @BeforeEach
  void prepare() throws IOException {
    readers = new Readers(folder);
  }

  private void read(String kind, byte[] input) {
    Bounds.hold(() -> readers.read(kind, input));
  }

  /** All in one, for a short run: the name of a kind, a line end, what that is given. */
  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void any(byte[] input) {
    int end = 0;
    while (end < input.length && input[end] != '\n') {
      end++;
    }
    String kind = new String(input, 0, end, ISO_8859_1);
    // Else the name itself was changed.
    if (end < input.length && Readers.KINDS.contains(kind)) {
      read(kind, Arrays.copyOfRange(input, end + 1, input.length));
    }
  }

  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void configuration(byte[] input) {
    read("configuration", input);
  }

  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void header(byte[] input) {
    read("header", input);
  }

  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void index(byte[] input) {
    read("index", input);
  }

  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void image(byte[] input) {
    read("image", input);
  }

  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void processor(byte[] input) {
    read("processor", input);
  }

  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void template(byte[] input) {
    read("template", input);
  }

  @FuzzTest
  @DictionaryFile(resourcePath = PIECES)
  void tokenizer(byte[] input) {
    read("tokenizer", input);
  }
}
