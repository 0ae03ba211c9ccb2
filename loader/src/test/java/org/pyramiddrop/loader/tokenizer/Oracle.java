package org.pyramiddrop.loader.tokenizer;

import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/** What the Hugging Face tokenizers library makes of a file, by its native calls. */
final class Oracle implements AutoCloseable {
  private static final TokenizersLibrary LIBRARY = TokenizersLibrary.LIB;

  private final long tokenizer;

  Oracle(Path file) {
    LibUtils.checkStatus();
    try {
      tokenizer = LIBRARY.createTokenizerFromString(Files.readString(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    LIBRARY.disableTruncation(tokenizer);
    LIBRARY.disablePadding(tokenizer);
  }

  int[] encode(String text, boolean addSpecialTokens) {
    long encoding = LIBRARY.encode(tokenizer, text, addSpecialTokens);
    try {
      return Arrays.stream(LIBRARY.getTokenIds(encoding)).mapToInt(Math::toIntExact).toArray();
    } finally {
      LIBRARY.deleteEncoding(encoding);
    }
  }

  String decode(int[] ids, boolean skipSpecialTokens) {
    return LIBRARY.decode(
        tokenizer, Arrays.stream(ids).asLongStream().toArray(), skipSpecialTokens);
  }

  OptionalInt id(String token) {
    long encoding = LIBRARY.encode(tokenizer, token, false);
    try {
      String[] tokens = LIBRARY.getTokens(encoding);
      return tokens.length == 1 && tokens[0].equals(token)
          ? OptionalInt.of(Math.toIntExact(LIBRARY.getTokenIds(encoding)[0]))
          : OptionalInt.empty();
    } finally {
      LIBRARY.deleteEncoding(encoding);
    }
  }

  /** The parts of the text that the tokens stand for. */
  List<String> words(String text) {
    long encoding = LIBRARY.encode(tokenizer, text, false);
    try {
      return Arrays.stream(LIBRARY.getTokenCharSpans(encoding))
          .map(span -> part(text, span))
          .toList();
    } finally {
      LIBRARY.deleteEncoding(encoding);
    }
  }

  private static String part(String text, CharSpan span) {
    return text.substring(
        text.offsetByCodePoints(0, span.getStart()), text.offsetByCodePoints(0, span.getEnd()));
  }

  @Override
  public void close() {
    LIBRARY.deleteTokenizer(tokenizer);
  }
}
