package org.pyramiddrop.loader.tokenizer;

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A value in {@code tokenizer.json} together with where it stands, read with checks. Messages name
 * the place and the value.
 */
record JsonPlace(String name, JsonTree value) {
  static final String COMPLAINT = "is not a tokenizer: ";
  private static final int LONGEST_SHOWN = 80;

  /** The member of an object; {@link JsonTree#NOTHING} if there is none. */
  JsonPlace member(String key) {
    if (!(value instanceof JsonTree.Members(Map<String, JsonTree> byName))) {
      throw wrong("must be an object");
    }
    String place = name.isEmpty() ? key : name + '.' + shorten(key);
    return new JsonPlace(place, byName.getOrDefault(key, JsonTree.NOTHING));
  }

  /** Whether nothing is here, or an explicit null. */
  boolean isAbsent() {
    return value instanceof JsonTree.Nothing;
  }

  /** What kind of thing an object says it is. */
  String kind() {
    return member("type").text();
  }

  /** The complaint that an object's kind is none of those that are read. */
  TokenizerException unsupported(String supported) {
    return member("type").wrong("isn't supported; supported: " + supported);
  }

  String text() {
    if (value instanceof JsonTree.Text(String text)) {
      return text;
    }
    throw wrong("must be a string");
  }

  /** A string of one character. */
  int character() {
    String text = text();
    if (text.codePointCount(0, text.length()) != 1) {
      throw wrong("must be one character");
    }
    return text.codePointAt(0);
  }

  boolean flag() {
    if (value instanceof JsonTree.Flag(boolean flag)) {
      return flag;
    }
    throw wrong("must be true or false");
  }

  boolean flag(boolean absent) {
    return isAbsent() ? absent : flag();
  }

  /** A whole number from 0 to 2³¹ − 1, such as a token id. */
  int count() {
    if (value instanceof JsonTree.Whole(long whole) && whole >= 0 && whole <= Integer.MAX_VALUE) {
      return (int) whole;
    }
    throw wrong("must be a whole number from 0 to 2147483647");
  }

  List<JsonPlace> elements() {
    List<JsonTree> values = trees();
    return IntStream.range(0, values.size()).mapToObj(this::element).toList();
  }

  /** The elements of a list of any length, without their places. */
  List<JsonTree> trees() {
    if (value instanceof JsonTree.Elements(List<JsonTree> values)) {
      return values;
    }
    throw wrong("must be a list");
  }

  JsonPlace element(int index) {
    return new JsonPlace(name + '[' + index + ']', trees().get(index));
  }

  /** The members of an object of any size, without their places. */
  Map<String, JsonTree> members() {
    if (value instanceof JsonTree.Members(Map<String, JsonTree> byName)) {
      return byName;
    }
    throw wrong("must be an object");
  }

  /** A complaint about this place that shows its value. */
  TokenizerException wrong(String rule) {
    return wrong(rule, null);
  }

  TokenizerException wrong(String rule, @Nullable Throwable cause) {
    String shown = isAbsent() ? "null" : shorten(value.toString());
    return new TokenizerException(
        COMPLAINT + (name.isEmpty() ? "the file" : name + " = " + shown) + ' ' + rule, cause);
  }

  /** A text out of the file, cut where it would drown the message. */
  static String shorten(String text) {
    if (text.length() <= LONGEST_SHOWN) {
      return text;
    }
    int end = LONGEST_SHOWN;
    return text.substring(0, Character.isHighSurrogate(text.charAt(end - 1)) ? end - 1 : end) + "…";
  }
}
