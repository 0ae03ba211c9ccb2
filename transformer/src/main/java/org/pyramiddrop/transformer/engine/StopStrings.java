package org.pyramiddrop.transformer.engine;

import java.util.List;

/**
 * Ends a text before the first place where one of some strings stands, however the text is cut into
 * pieces. What may be the beginning of such a string is held back until more text decides.
 *
 * <p>The first place is the one that the whole text has: a string that is complete does not end the
 * text while another one that began before it may still become complete.
 */
public final class StopStrings {
  private final List<String> strings;

  /** Text that is not given out: empty, or its beginning may be that of a string. */
  private final StringBuilder held = new StringBuilder();

  private boolean found;

  /**
   * Looks for some strings.
   *
   * @param strings none of them empty; if there are none, nothing is held back
   */
  public StopStrings(List<String> strings) {
    this.strings = List.copyOf(strings);
  }

  /** Whether the text has ended at a string; no further piece is then given out. */
  public boolean found() {
    return found;
  }

  /** Takes a piece and returns the text that is certain now. */
  public String add(String piece) {
    if (found) {
      return "";
    }
    held.append(piece);
    return release(false);
  }

  /** What was held back, once no piece follows, up to the first string that is complete. */
  public String finish() {
    return found ? "" : release(true);
  }

  private String release(boolean last) {
    int end = 0;
    while (end < held.length() && !startsAt(end)) {
      if (!last && mayStartAt(end)) {
        break;
      }
      end++;
    }
    found = end < held.length() && startsAt(end);
    String certain = held.substring(0, end);
    held.delete(0, found ? held.length() : end);
    return certain;
  }

  private boolean startsAt(int place) {
    return strings.stream().anyMatch(string -> agrees(string, place, string.length()));
  }

  /** Whether all that is there from a place on is the beginning of a string. */
  private boolean mayStartAt(int place) {
    int there = held.length() - place;
    return strings.stream()
        .anyMatch(string -> there < string.length() && agrees(string, place, there));
  }

  private boolean agrees(String string, int place, int characters) {
    if (characters > held.length() - place) {
      return false;
    }
    for (int i = 0; i < characters; i++) {
      if (held.charAt(place + i) != string.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
