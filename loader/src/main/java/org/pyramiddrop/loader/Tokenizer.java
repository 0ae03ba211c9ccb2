package org.pyramiddrop.loader;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.pyramiddrop.loader.tokenizer.TextTokenizer;
import org.pyramiddrop.loader.tokenizer.TokenizerException;

/**
 * A model's {@code tokenizer.json}: text to token ids and back, as the Hugging Face tokenizers
 * library does it. Safe for use from several threads, which wait for none.
 */
public final class Tokenizer implements AutoCloseable {
  private final Path file;
  private final TextTokenizer tokenizer;
  private volatile boolean closed;

  private Tokenizer(Path file, TextTokenizer tokenizer) {
    this.file = file;
    this.tokenizer = tokenizer;
  }

  /**
   * Reads a model folder's {@code tokenizer.json} and checks all of it.
   *
   * @throws CheckpointException if the file is missing, broken, or has what isn't supported
   */
  public static Tokenizer open(Path folder) {
    Path file = folder.resolve("tokenizer.json");
    if (!Files.isRegularFile(file)) {
      throw new CheckpointException(
          file,
          Files.exists(folder.resolve("tokenizer.model"))
              ? "no such file, only a tokenizer.model, which isn't read; convert that to the"
                  + " tokenizers format first"
              : "no such file; models without one must be converted to the tokenizers format first");
    }
    return new Tokenizer(file, named(file, () -> TextTokenizer.read(file)));
  }

  /**
   * The token ids of a text. Special tokens that are written out in the text become one id each;
   * half of a surrogate pair counts as U+FFFD.
   *
   * @param addSpecialTokens whether to add what the model starts (and ends) sequences with
   * @throws CheckpointException if the file's rules would make the text many times as long
   * @throws IllegalStateException if the tokenizer is closed
   */
  public int[] encode(String text, boolean addSpecialTokens) {
    TextTokenizer open = whileOpen();
    return named(file, () -> open.encode(text, addSpecialTokens));
  }

  /**
   * The token ids of a text whose pieces between a separator are tokenised each on its own, as the
   * original LLaVA does around images. What the model starts sequences with is added to the first
   * piece only.
   *
   * @param between what stands for the separator in the ids
   * @throws IllegalStateException if the tokenizer is closed
   */
  public int[] encodePieces(String text, String separator, int between) {
    IntStream.Builder ids = IntStream.builder();
    int start = 0;
    while (true) {
      int end = text.indexOf(separator, start);
      String piece = text.substring(start, end < 0 ? text.length() : end);
      Arrays.stream(encode(piece, start == 0)).forEach(ids::add);
      if (end < 0) {
        return ids.build().toArray();
      }
      ids.add(between);
      start = end + separator.length();
    }
  }

  /**
   * The text of token ids; ids of no token count for nothing.
   *
   * @param skipSpecialTokens whether to leave out such as the end token
   * @throws CheckpointException if the file's rules would make a token many times as long
   * @throws IllegalStateException if the tokenizer is closed
   */
  public String decode(int[] ids, boolean skipSpecialTokens) {
    TextTokenizer open = whileOpen();
    return named(file, () -> open.decode(ids, skipSpecialTokens));
  }

  /**
   * The id of a token that stands for itself wherever it is written, such as {@code <image>} or
   * {@code </s>}; empty if the text is no such token.
   *
   * @throws IllegalStateException if the tokenizer is closed
   */
  public OptionalInt id(String token) {
    return whileOpen().id(token);
  }

  /** Does some work; what it complains of names the file. */
  private static <T> T named(Path file, Supplier<T> work) {
    try {
      return work.get();
    } catch (TokenizerException e) {
      throw new CheckpointException(file, Objects.requireNonNull(e.getMessage()), e.getCause());
    }
  }

  private TextTokenizer whileOpen() {
    if (closed) {
      throw new IllegalStateException(file + " is closed");
    }
    return tokenizer;
  }

  /** Ends the use of the tokenizer. Closing again does nothing. */
  @Override
  public void close() {
    closed = true;
  }
}
