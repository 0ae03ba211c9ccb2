package org.pyramiddrop.loader.tokenizer;

import java.nio.charset.StandardCharsets;

/**
 * Byte-pair encoding: a word's characters, or where one is unknown the bytes of it, merged pair by
 * pair.
 */
final class BytePairEncoding implements TokenModel {
  private static final int NONE = -1;

  private final Vocabulary vocabulary;
  private final Merges merges;
  private final int unknown;
  private final boolean fuseUnknown;
  private final int[] bytes;
  private final boolean wholeWordsFirst;
  private final WordCache cache = new WordCache();

  private BytePairEncoding(
      Vocabulary vocabulary,
      Merges merges,
      int unknown,
      boolean fuseUnknown,
      int[] bytes,
      boolean wholeWordsFirst) {
    this.vocabulary = vocabulary;
    this.merges = merges;
    this.unknown = unknown;
    this.fuseUnknown = fuseUnknown;
    this.bytes = bytes;
    this.wholeWordsFirst = wholeWordsFirst;
  }

  static BytePairEncoding read(JsonPlace place) {
    refuseUnlessEmpty(place.member("continuing_subword_prefix"));
    refuseUnlessEmpty(place.member("end_of_word_suffix"));
    refuseUnlessZero(place.member("dropout"));
    Vocabulary vocabulary = Vocabulary.read(place.member("vocab"));
    JsonPlace unknown = place.member("unk_token");
    return new BytePairEncoding(
        vocabulary,
        Merges.read(place.member("merges"), vocabulary),
        unknown.isAbsent() ? NONE : TokenModel.idOf(unknown, vocabulary),
        place.member("fuse_unk").flag(false),
        place.member("byte_fallback").flag(false) ? byteTokens(vocabulary) : new int[0],
        place.member("ignore_merges").flag(false));
  }

  private static void refuseUnlessEmpty(JsonPlace mark) {
    if (!mark.isAbsent() && !mark.text().isEmpty()) {
      throw mark.wrong("isn't supported; only null and \"\" are");
    }
  }

  private static void refuseUnlessZero(JsonPlace dropout) {
    boolean zero =
        switch (dropout.value()) {
          case JsonTree.Nothing none -> true;
          case JsonTree.Whole(long whole) -> whole == 0;
          case JsonTree.Real(String written) -> Double.parseDouble(written) == 0;
          default -> false;
        };
    if (!zero) {
      throw dropout.wrong("isn't supported; only null and 0 are: answers would be random");
    }
  }

  private static int[] byteTokens(Vocabulary vocabulary) {
    int[] tokens = new int[256];
    for (int value = 0; value < tokens.length; value++) {
      Integer id = vocabulary.id(String.format("<0x%02X>", value));
      tokens[value] = id == null ? NONE : id;
    }
    return tokens;
  }

  @Override
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  @Override
  public void encode(String word, TokenIds ids) {
    if (wholeWordsFirst) {
      Integer whole = vocabulary.id(word);
      if (whole != null) {
        ids.add(whole);
        return;
      }
    }
    int[] merged = cache.get(word);
    if (merged == null) {
      merged = Word.merged(characters(word), merges);
      cache.put(word, merged);
    }
    ids.addAll(merged);
  }

  private int[] characters(String word) {
    TokenIds ids = new TokenIds(word.length());
    int pending = 0;
    for (int at = 0; at < word.length(); ) {
      int end = at + Character.charCount(word.codePointAt(at));
      String character = word.substring(at, end);
      at = end;
      Integer id = vocabulary.id(character);
      if (id != null) {
        addUnknown(pending, ids);
        pending = 0;
        ids.add(id);
      } else if (!addBytes(character, ids) && unknown != NONE) {
        // As in the library, bytes go before an unknown character that is still pending.
        pending = fuseUnknown ? 1 : addUnknown(pending, ids) + 1;
      }
    }
    addUnknown(pending, ids);
    return ids.toArray();
  }

  /** Adds the pending unknown token if there is one, and returns how many are pending then. */
  private int addUnknown(int pending, TokenIds ids) {
    if (pending > 0) {
      ids.add(unknown);
    }
    return 0;
  }

  private boolean addBytes(String character, TokenIds ids) {
    if (bytes.length == 0) {
      return false;
    }
    byte[] utf8 = character.getBytes(StandardCharsets.UTF_8);
    int[] tokens = new int[utf8.length];
    for (int i = 0; i < utf8.length; i++) {
      tokens[i] = bytes[Byte.toUnsignedInt(utf8[i])];
      if (tokens[i] == NONE) {
        return false;
      }
    }
    ids.addAll(tokens);
    return true;
  }
}
