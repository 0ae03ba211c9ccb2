package org.pyramiddrop.loader.tokenizer;

import java.util.ArrayList;
import java.util.List;

/** What a text is cut into. */
final class Words {
  private Words() {}

  static List<String> of(PreTokenizer preTokenizer, String text) {
    List<Slice> words = new ArrayList<>();
    if (!text.isEmpty()) {
      preTokenizer.cut(Slice.whole(text), words);
    }
    return words.stream().map(Slice::text).toList();
  }
}
