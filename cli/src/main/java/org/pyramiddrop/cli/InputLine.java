package org.pyramiddrop.cli;

import org.jspecify.annotations.Nullable;

/**
 * A line of the standard input.
 *
 * @param number from 1
 * @param text without what ends the line; null if it isn't UTF-8
 */
record InputLine(long number, @Nullable String text) {

  /**
   * The text.
   *
   * @throws UsageException if there is none
   */
  String words() {
    if (text == null) {
      throw new UsageException("line " + number + " is not UTF-8 text");
    }
    return text;
  }
}
