package org.pyramiddrop.cuda;

import java.util.Locale;

/** Amounts of memory in words. */
final class ByteCount {
  private ByteCount() {}

  /** For example {@code 512 bytes}, {@code 1.5 MiB}. */
  static String text(long bytes) {
    if (bytes < 1 << 10) {
      return bytes + " bytes";
    }
    if (bytes < 1 << 20) {
      return String.format(Locale.ROOT, "%.1f KiB", bytes / 0x1p10);
    }
    if (bytes < 1 << 30) {
      return String.format(Locale.ROOT, "%.1f MiB", bytes / 0x1p20);
    }
    return String.format(Locale.ROOT, "%.1f GiB", bytes / 0x1p30);
  }
}
