package org.pyramiddrop.loader.tokenizer;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** What the Hugging Face tokenizers library makes of a file. */
final class Oracle implements AutoCloseable {
  private static final Map<String, String> AS_GIVEN =
      Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "true");

  private final HuggingFaceTokenizer library;

  Oracle(Path file) {
    try {
      library = HuggingFaceTokenizer.newInstance(file, AS_GIVEN);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  int[] encode(String text, boolean addSpecialTokens) {
    return ints(library.encode(text, addSpecialTokens, false).getIds());
  }

  String decode(int[] ids, boolean skipSpecialTokens) {
    return library.decode(Arrays.stream(ids).asLongStream().toArray(), skipSpecialTokens);
  }

  OptionalInt id(String token) {
    Encoding encoding = library.encode(token, false, false);
    boolean itself = encoding.getIds().length == 1 && encoding.getTokens()[0].equals(token);
    return itself ? OptionalInt.of(Math.toIntExact(encoding.getIds()[0])) : OptionalInt.empty();
  }

  /** The parts of the text that the tokens stand for. */
  List<String> words(String text) {
    return Arrays.stream(library.encode(text, false, false).getCharTokenSpans())
        .map(
            span ->
                text.substring(
                    text.offsetByCodePoints(0, span.getStart()),
                    text.offsetByCodePoints(0, span.getEnd())))
        .toList();
  }

  private static int[] ints(long[] ids) {
    return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
  }

  @Override
  public void close() {
    library.close();
  }
}
