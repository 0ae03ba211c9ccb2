package org.pyramiddrop.loader.tokenizer;

/**
 * A part of a text on its way to tokens.
 *
 * @param text the part as normalised so far, well-formed UTF-16
 * @param first whether it begins where the whole text began
 * @param origin how many of its leading chars stem from the whole text's first character: those
 *     behind which a cut still begins where the whole text began
 * @param token the added token that it is, or {@link #NONE}
 */
record Slice(String text, boolean first, int origin, int token) {
  /** No added token, so text that is still to be cut. */
  static final int NONE = -1;

  /** A whole text as it was given. */
  static Slice whole(String text) {
    return new Slice(
        text, true, text.isEmpty() ? 0 : Character.charCount(text.codePointAt(0)), NONE);
  }

  boolean isToken() {
    return token != NONE;
  }

  /** The part of this slice from one index to another. */
  Slice cut(int start, int end) {
    if (!first) {
      return new Slice(text.substring(start, end), false, 0, NONE);
    }
    boolean stillFirst = start < origin;
    return new Slice(
        text.substring(start, end),
        stillFirst,
        stillFirst ? Math.min(end, origin) - start : 0,
        NONE);
  }

  Slice asToken(int id) {
    return new Slice(text, first, origin, id);
  }

  /** The same part with another text; {@code newOrigin} counts if it is the first part. */
  Slice with(String newText, int newOrigin) {
    return new Slice(newText, first, first ? newOrigin : 0, token);
  }

  /** The same part behind a prefix; an empty one stays empty. */
  Slice prepend(String prefix) {
    return text.isEmpty() ? this : with(prefix + text, origin > 0 ? origin + prefix.length() : 0);
  }
}
