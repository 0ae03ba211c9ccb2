package org.pyramiddrop.loader.tokenizer;

/** Finds runs of word characters, and runs of what is neither such nor whitespace. */
final class WordRuns implements TextFinder {
  private static final int NEITHER = 0;
  private static final int WORD = 1;
  private static final int SIGN = 2;

  @Override
  public int[] find(String text) {
    TokenIds bounds = new TokenIds(text.length() / 2);
    int kind = NEITHER;
    for (int at = 0; at < text.length(); ) {
      int character = text.codePointAt(at);
      int found = kind(character);
      if (found != kind) {
        if (kind != NEITHER) {
          bounds.add(at);
        }
        if (found != NEITHER) {
          bounds.add(at);
        }
        kind = found;
      }
      at += Character.charCount(character);
    }
    if (kind != NEITHER) {
      bounds.add(text.length());
    }
    return bounds.toArray();
  }

  private static int kind(int character) {
    if (Whitespace.is(character)) {
      return NEITHER;
    }
    return RustCharacters.isWord(character) ? WORD : SIGN;
  }
}
