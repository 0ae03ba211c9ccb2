package org.pyramiddrop.loader.tokenizer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * A whole {@code tokenizer.json}: text to token ids and back. Time grows with the text's length
 * alone. Safe for several threads, which wait for none.
 */
public final class TextTokenizer {
  private final Normalizer normalizer;
  private final AddedTokens addedTokens;
  private final PreTokenizer preTokenizer;
  private final TokenModel model;
  private final PostProcessor frame;
  private final Decoder decoder;

  private TextTokenizer(JsonPlace file) {
    JsonPlace version = file.member("version");
    if (!version.isAbsent() && !version.text().equals("1.0")) {
      throw version.wrong("isn't supported; supported: \"1.0\"");
    }
    model = TokenModel.read(file.member("model"));
    normalizer = Normalizer.read(file.member("normalizer"));
    addedTokens = AddedTokens.read(file.member("added_tokens"), model.vocabulary(), normalizer);
    preTokenizer = PreTokenizer.read(file.member("pre_tokenizer"));
    frame = PostProcessor.read(file.member("post_processor"), id -> token(id) != null);
    decoder = Decoder.read(file.member("decoder"));
  }

  /**
   * Reads a {@code tokenizer.json} and checks all of it. What it asks for in cutting and padding
   * doesn't count.
   *
   * @throws TokenizerException if it can't be read, breaks a rule, or has what isn't supported;
   *     names the place in the file
   */
  public static TextTokenizer read(Path file) {
    return new TextTokenizer(JsonTreeReader.read(file));
  }

  /**
   * The token ids of a text; half of a surrogate pair counts as U+FFFD.
   *
   * @param addSpecialTokens whether to add what the model starts (and ends) sequences with
   */
  public int[] encode(String text, boolean addSpecialTokens) {
    TokenIds ids = new TokenIds(text.length() / 2);
    if (addSpecialTokens) {
      frame.begin(ids);
    }
    for (Slice part : parts(text)) {
      encode(part, ids);
    }
    if (addSpecialTokens) {
      frame.end(ids);
    }
    return ids.toArray();
  }

  /**
   * The text of token ids; ids of no token count for nothing.
   *
   * @param skipSpecialTokens whether to leave out such as the end token
   */
  public String decode(int[] ids, boolean skipSpecialTokens) {
    List<String> tokens = new ArrayList<>(ids.length);
    for (int id : ids) {
      AddedToken added = addedTokens.token(id);
      String token = added == null ? model.vocabulary().token(id) : added.content();
      if (token != null && !(skipSpecialTokens && added != null && added.special())) {
        tokens.add(token);
      }
    }
    return String.join("", decoder.decode(tokens));
  }

  /** The id of a token that stands for itself wherever it is written; empty for any other text. */
  public OptionalInt id(String token) {
    List<Slice> parts = parts(token);
    if (parts.size() != 1) {
      return OptionalInt.empty();
    }
    Slice only = parts.getFirst();
    TokenIds ids = new TokenIds(1);
    encode(only, ids);
    if (ids.size() != 1) {
      return OptionalInt.empty();
    }
    String itself = only.isToken() ? only.text() : token(ids.get(0));
    return token.equals(itself) ? OptionalInt.of(ids.get(0)) : OptionalInt.empty();
  }

  private List<Slice> parts(String text) {
    return addedTokens.cut(WellFormed.of(text), normalizer);
  }

  private void encode(Slice part, TokenIds ids) {
    if (part.isToken()) {
      ids.add(part.token());
      return;
    }
    List<Slice> words = new ArrayList<>();
    preTokenizer.cut(part, words);
    for (Slice word : words) {
      model.encode(word.text(), ids);
    }
  }

  private @Nullable String token(int id) {
    AddedToken added = addedTokens.token(id);
    return added == null ? model.vocabulary().token(id) : added.content();
  }
}
