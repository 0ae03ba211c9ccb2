package org.pyramiddrop.loader.tokenizer;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/** Remembers the ids of a bounded number of short words; safe for several threads without locks. */
final class WordCache {
  private static final int PLACES = 1 << 14;
  private static final int LONGEST_WORD = 64;

  private final AtomicReferenceArray<@Nullable Entry> entries = new AtomicReferenceArray<>(PLACES);

  /** A word's ids, which nobody changes. */
  private static final class Entry {
    final String word;
    final int[] ids;

    Entry(String word, int[] ids) {
      this.word = word;
      this.ids = ids;
    }
  }

  int @Nullable [] get(String word) {
    Entry entry = entries.getAcquire(place(word));
    return entry != null && entry.word.equals(word) ? entry.ids : null;
  }

  void put(String word, int[] ids) {
    if (word.length() <= LONGEST_WORD) {
      entries.setRelease(place(word), new Entry(word, ids));
    }
  }

  private static int place(String word) {
    int hash = word.hashCode() * 0x9E3779B9;
    return hash >>> (Integer.SIZE - 14);
  }
}
