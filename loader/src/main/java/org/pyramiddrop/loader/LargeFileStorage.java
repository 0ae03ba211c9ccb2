package org.pyramiddrop.loader;

import java.nio.charset.StandardCharsets;

/**
 * Tells the few lines of text that a clone without Git LFS leaves in place of a large file from the
 * file itself.
 */
final class LargeFileStorage {
  private static final byte[] START =
      "version https://git-lfs.github.com/spec/v1".getBytes(StandardCharsets.US_ASCII);

  /** What to say of such a file. */
  static final String ADVICE =
      "is a Git LFS pointer, not the file it stands for; run 'git lfs pull' in its folder";

  private LargeFileStorage() {}

  /** How many bytes of a file {@link #isPointer} wants to see. */
  static int bytesNeeded() {
    return START.length;
  }

  /** Whether a file that starts with these bytes is a pointer. */
  static boolean isPointer(byte[] start) {
    if (start.length < START.length) {
      return false;
    }
    for (int i = 0; i < START.length; i++) {
      if (start[i] != START[i]) {
        return false;
      }
    }
    return true;
  }
}
