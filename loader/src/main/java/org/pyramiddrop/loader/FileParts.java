package org.pyramiddrop.loader;

import java.util.Arrays;

/** Parts of a file that are kept, copied once, when all are known. */
final class FileParts {
  private final byte[] file;
  private int[] ends = new int[16];
  private int count;
  private int length;

  FileParts(byte[] file) {
    this.file = file;
  }

  /** Keeps what lies between two places, behind what was kept before. */
  void keep(int start, int end) {
    length += end - start;
    if (count > 0 && ends[count - 1] == start) {
      ends[count - 1] = end;
      return;
    }
    if (count == ends.length) {
      ends = Arrays.copyOf(ends, 2 * count);
    }
    ends[count++] = start;
    ends[count++] = end;
  }

  /** What was kept, between two other pieces. */
  byte[] between(byte[] before, byte[] behind) {
    byte[] made = Arrays.copyOf(before, before.length + length + behind.length);
    int at = before.length;
    for (int i = 0; i < count; i += 2) {
      System.arraycopy(file, ends[i], made, at, ends[i + 1] - ends[i]);
      at += ends[i + 1] - ends[i];
    }
    System.arraycopy(behind, 0, made, at, behind.length);
    return made;
  }
}
