package org.pyramiddrop.kernels;

/**
 * How attention's columns are divided: query head {@code h} is columns {@code h·size} to {@code
 * (h+1)·size}, and reads key/value head {@code h / (query / keyValue)}.
 *
 * @param query the number of query heads
 * @param keyValue the number of key/value heads; divides {@code query}
 * @param size channels of one head; even
 */
public record Heads(int query, int keyValue, int size) {
  /** Refuses head counts that cannot be grouped. */
  public Heads {
    if (query < 1 || keyValue < 1 || query % keyValue != 0) {
      throw new IllegalArgumentException(
          query + " query heads can't share " + keyValue + " key/value heads evenly");
    }
    if (size < 2 || size % 2 != 0) {
      throw new IllegalArgumentException("head size must be even and positive, not " + size);
    }
  }

  /** Columns of all query heads together. */
  public int queryColumns() {
    return query * size;
  }

  /** Columns of all keys, or of all values, together. */
  public int keyValueColumns() {
    return keyValue * size;
  }
}
