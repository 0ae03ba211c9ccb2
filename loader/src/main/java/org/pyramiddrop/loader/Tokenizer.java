package org.pyramiddrop.loader;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * A model's {@code tokenizer.json}: text to token ids and back, by the Hugging Face tokenizers
 * library. Safe for use from several threads.
 */
public final class Tokenizer implements AutoCloseable {
  // Texts keep their length: no cutting at the model's maximum, no padding, whatever the file's own
  // settings.
  private static final Map<String, String> AS_GIVEN =
      Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "true");

  private final Path file;
  private final HuggingFaceTokenizer library;
  // The library's native object must not be freed under a call.
  private final ReadWriteLock lifetime = new ReentrantReadWriteLock();
  private boolean closed;

  private Tokenizer(Path file, HuggingFaceTokenizer library) {
    this.file = file;
    this.library = library;
  }

  /**
   * Reads a model folder's {@code tokenizer.json}.
   *
   * @throws CheckpointException if the file is missing or broken
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
    // Without this the library fetches another native build where it finds a GPU, and reports its
    // use.
    System.setProperty("ai.djl.offline", "true");
    try {
      return new Tokenizer(file, HuggingFaceTokenizer.newInstance(file, AS_GIVEN));
    } catch (IOException | RuntimeException e) {
      throw new CheckpointException(file, "is not a tokenizer: " + e.getMessage(), e);
    } catch (UnsatisfiedLinkError | ExceptionInInitializerError | NoClassDefFoundError e) {
      throw new CheckpointException(
          file, "the tokenizers library does not run on this machine: " + e.getMessage(), e);
    }
  }

  /**
   * The token ids of a text. Special tokens that are written out in the text become one id each.
   *
   * @param addSpecialTokens whether to add what the model starts (and ends) sequences with
   * @throws IllegalStateException if the tokenizer is closed
   */
  public int[] encode(String text, boolean addSpecialTokens) {
    return whileOpen(open ->
        Arrays.stream(open.encode(text, addSpecialTokens, false).getIds())
            .mapToInt(Math::toIntExact)
            .toArray());
  }

  /**
   * The token ids of a text whose pieces between a separator are tokenised each on its own, as the
   * original LLaVA does around pictures. What the model starts sequences with is added to the first
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
   * The text of token ids.
   *
   * @param skipSpecialTokens whether to leave out such as the end token
   * @throws IllegalStateException if the tokenizer is closed
   */
  public String decode(int[] ids, boolean skipSpecialTokens) {
    return whileOpen(
        open -> open.decode(Arrays.stream(ids).asLongStream().toArray(), skipSpecialTokens));
  }

  /**
   * The id of a token that stands for itself wherever it is written, such as {@code <image>} or
   * {@code </s>}; empty if the text is no such token.
   *
   * @throws IllegalStateException if the tokenizer is closed
   */
  public OptionalInt id(String token) {
    return whileOpen(open -> {
      Encoding encoding = open.encode(token, false, false);
      boolean itself = encoding.getIds().length == 1 && encoding.getTokens()[0].equals(token);
      return itself ? OptionalInt.of(Math.toIntExact(encoding.getIds()[0])) : OptionalInt.empty();
    });
  }

  private <T> T whileOpen(Function<HuggingFaceTokenizer, T> call) {
    lifetime.readLock().lock();
    try {
      if (closed) {
        throw new IllegalStateException(file + " is closed");
      }
      return call.apply(library);
    } finally {
      lifetime.readLock().unlock();
    }
  }

  /** Frees the tokenizer. Closing again does nothing. */
  @Override
  public void close() {
    lifetime.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        library.close();
      }
    } finally {
      lifetime.writeLock().unlock();
    }
  }
}
