package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Text as its tokens arrive. A character may span tokens, and how a token reads may depend on the
 * one before, so each new piece is what a few last tokens read as, less what they read as without
 * the newest.
 */
public final class TextStream {
  /** What a tokenizer writes for bytes that are no character yet. */
  private static final String INCOMPLETE = "\uFFFD";

  private final Function<int[], String> decode;
  private final List<Integer> ids = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();

  /** Tokens from here on are decoded again. */
  private int context;

  /** Tokens before this one have been written out. */
  private int written;

  /**
   * Streams through a tokenizer.
   *
   * @param decode token ids to text, without special tokens
   */
  public TextStream(Function<int[], String> decode) {
    this.decode = decode;
  }

  /**
   * The text that became complete with this token; empty while a character's bytes are not all
   * there.
   */
  public String add(int id) {
    ids.add(id);
    return advance(false);
  }

  /** What is left at the end, incomplete characters included. */
  public String finish() {
    return advance(true);
  }

  /** All text written so far. */
  public String text() {
    return text.toString();
  }

  private String advance(boolean last) {
    String before = decode(context, written);
    String now = decode(context, ids.size());
    if (now.length() <= before.length() || (now.endsWith(INCOMPLETE) && !last)) {
      return "";
    }
    String piece = now.substring(before.length());
    context = written;
    written = ids.size();
    text.append(piece);
    return piece;
  }

  private String decode(int from, int to) {
    return decode.apply(ids.subList(from, to).stream().mapToInt(Integer::intValue).toArray());
  }
}
