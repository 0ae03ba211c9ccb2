package org.pyramiddrop.loader.tokenizer;

import java.util.Arrays;

/** A growing list of token ids. */
final class TokenIds {
  private int[] values;
  private int size;

  TokenIds(int capacity) {
    values = new int[Math.max(capacity, 8)];
  }

  void add(int id) {
    if (size == values.length) {
      values = Arrays.copyOf(values, 2 * size);
    }
    values[size++] = id;
  }

  void addAll(int... ids) {
    if (values.length - size < ids.length) {
      values = Arrays.copyOf(values, Math.max(2 * values.length, size + ids.length));
    }
    System.arraycopy(ids, 0, values, size, ids.length);
    size += ids.length;
  }

  int size() {
    return size;
  }

  int get(int index) {
    return values[index];
  }

  int[] toArray() {
    return Arrays.copyOf(values, size);
  }

  /** The ids from one place on. */
  int[] from(int start) {
    return Arrays.copyOfRange(values, start, size);
  }
}
