package org.pyramiddrop.loader.tokenizer;

import java.util.List;

/** Cuts added tokens out of a text; safe for several threads. */
final class TokenCutter {
  private final List<AddedToken> tokens;
  private final List<String> written;
  private final Automaton automaton;

  /** What each token is looked for as stands at the same place of {@code written}. */
  TokenCutter(List<AddedToken> tokens, List<String> written) {
    this.tokens = tokens;
    this.written = written;
    this.automaton = new Automaton(written);
  }

  /** Adds the parts of a slice, tokens and text between them, in their order. */
  void cut(Slice slice, List<Slice> parts) {
    String text = slice.text();
    int[] beginnings = automaton.beginnings(text);
    int covered = 0;
    int spaceEnd = 0;
    for (int at = 0; beginnings.length > 0 && at < text.length(); ) {
      if (beginnings[at] == Automaton.NONE) {
        at++;
        continue;
      }
      AddedToken token = tokens.get(beginnings[at]);
      int start = at;
      int end = at + written.get(beginnings[at]).length();
      at = end;
      if (token.singleWord() && isInsideWord(text, start, end)) {
        continue;
      }
      if (token.lstrip()) {
        start = Whitespace.startBefore(text, start, Math.min(covered, start));
        start = Math.max(start, covered);
      }
      if (token.rstrip()) {
        spaceEnd = end < spaceEnd ? spaceEnd : Whitespace.endFrom(text, end, text.length());
        end = spaceEnd;
      }
      if (covered < start) {
        parts.add(slice.cut(covered, start));
      }
      parts.add(slice.cut(Math.min(start, end), end).asToken(token.id()));
      covered = end;
    }
    if (covered < text.length()) {
      parts.add(slice.cut(covered, text.length()));
    }
  }

  private static boolean isInsideWord(String text, int start, int end) {
    return (start > 0 && RustCharacters.isWord(text.codePointBefore(start)))
        || (end < text.length() && RustCharacters.isWord(text.codePointAt(end)));
  }
}
