package org.pyramiddrop.loader.tokenizer;

import java.util.Arrays;

/** A word's tokens while pairs of them are merged: a linked list, and a heap of what can merge. */
final class Word {
  private static final int NONE = -1;

  private final Merges merges;
  private final int[] tokens;
  private final int[] previous;
  private final int[] next;
  // Ranks in the upper half and places in the lower half, so that numbers sort as merges do.
  private long[] heap;
  private int heapSize;

  private Word(Merges merges, int[] tokens) {
    this.merges = merges;
    this.tokens = tokens;
    this.previous = new int[tokens.length];
    this.next = new int[tokens.length];
    this.heap = new long[tokens.length + 1];
  }

  /**
   * Merges pairs, that of the lowest rank first and of equal ones the leftmost, until none is left.
   */
  static int[] merged(int[] tokens, Merges merges) {
    return tokens.length < 2 ? tokens : new Word(merges, tokens.clone()).merge();
  }

  private int[] merge() {
    for (int i = 0; i < tokens.length; i++) {
      previous[i] = i - 1;
      next[i] = i + 1 < tokens.length ? i + 1 : NONE;
    }
    for (int i = 0; i + 1 < tokens.length; i++) {
      offer(i, i + 1);
    }
    int left = tokens.length;
    while (heapSize > 0) {
      long first = poll();
      int place = (int) first;
      int product = merges.product((int) (first >>> 32));
      if (mergeAt(place, product)) {
        left--;
      }
    }
    int[] result = new int[left];
    int count = 0;
    for (int i = 0; i != NONE; i = next[i]) {
      result[count++] = tokens[i];
    }
    return result;
  }

  // What was offered may have changed since; it still counts if it becomes the same token.
  private boolean mergeAt(int place, int product) {
    if (tokens[place] == NONE || next[place] == NONE) {
      return false;
    }
    int right = next[place];
    int rank = merges.rank(tokens[place], tokens[right]);
    if (rank == PairTable.NONE || merges.product(rank) != product) {
      return false;
    }
    tokens[place] = product;
    tokens[right] = NONE;
    next[place] = next[right];
    if (next[place] != NONE) {
      previous[next[place]] = place;
    }
    if (previous[place] != NONE) {
      offer(previous[place], place);
    }
    if (next[place] != NONE) {
      offer(place, next[place]);
    }
    return true;
  }

  private void offer(int left, int right) {
    int rank = merges.rank(tokens[left], tokens[right]);
    if (rank == PairTable.NONE) {
      return;
    }
    if (heapSize == heap.length) {
      heap = Arrays.copyOf(heap, 2 * heapSize);
    }
    long offered = (long) rank << 32 | left;
    int at = heapSize++;
    while (at > 0 && heap[(at - 1) / 2] > offered) {
      heap[at] = heap[(at - 1) / 2];
      at = (at - 1) / 2;
    }
    heap[at] = offered;
  }

  private long poll() {
    long first = heap[0];
    long moved = heap[--heapSize];
    int at = 0;
    while (2 * at + 1 < heapSize) {
      int child = 2 * at + 1;
      if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
        child++;
      }
      if (moved <= heap[child]) {
        break;
      }
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = moved;
    return first;
  }
}
