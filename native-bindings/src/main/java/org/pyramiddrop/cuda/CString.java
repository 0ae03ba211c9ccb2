package org.pyramiddrop.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** C strings that a library owns. */
final class CString {
  private CString() {}

  /** The string that a {@code const char *} in memory points to; empty if it is null. */
  static String pointedToBy(MemorySegment pointer) {
    MemorySegment text = pointer.get(ValueLayout.ADDRESS, 0);
    return text.address() == 0 ? "" : of(text);
  }

  /** The string at an address, up to its zero. */
  static String of(MemorySegment text) {
    return text.reinterpret(Long.MAX_VALUE).getString(0);
  }
}
