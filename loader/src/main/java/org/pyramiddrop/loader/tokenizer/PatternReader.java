package org.pyramiddrop.loader.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntPredicate;
import org.pyramiddrop.loader.tokenizer.PatternSyntax.Greed;

/**
 * Reads a pattern in the syntax of Oniguruma as Ruby uses it, as far as tokenizers need it. What
 * means something else there than it seems to, or isn't read, is refused by name.
 */
final class PatternReader {
  private static final int DEEPEST = 32;
  private static final int MOST_REPEATS = 1000;
  private static final int END = -1;
  private static final List<String> FOLDED_TOGETHER = List.of("ss", "ff", "fi", "fl", "st");

  private final JsonPlace place;
  private final int[] pattern;
  private int at;
  private int depth;

  private PatternReader(JsonPlace place, String pattern) {
    this.place = place;
    this.pattern = pattern.codePoints().toArray();
  }

  /** Reads a pattern that messages show at a place of the file. */
  static PatternSyntax read(JsonPlace place, String pattern) {
    PatternReader reader = new PatternReader(place, pattern);
    PatternSyntax whole = reader.choice(false);
    if (reader.at < reader.pattern.length) {
      throw reader.refuse("has a ) without (");
    }
    return whole;
  }

  private PatternSyntax choice(boolean anyCase) {
    List<PatternSyntax> parts = new ArrayList<>();
    parts.add(sequence(anyCase));
    while (peek() == '|') {
      at++;
      parts.add(sequence(anyCase));
    }
    return parts.size() == 1 ? parts.getFirst() : new PatternSyntax.Choice(parts);
  }

  private PatternSyntax sequence(boolean anyCase) {
    List<PatternSyntax> parts = new ArrayList<>();
    int start = at;
    while (peek() != END && peek() != '|' && peek() != ')') {
      parts.add(repeated(part(anyCase)));
    }
    if (anyCase) {
      refuseLettersFoldedTogether(start);
    }
    return parts.size() == 1 ? parts.getFirst() : new PatternSyntax.Sequence(parts);
  }

  private void refuseLettersFoldedTogether(int start) {
    String written = new String(pattern, start, at - start).toLowerCase(Locale.ROOT);
    for (String pair : FOLDED_TOGETHER) {
      if (written.contains(pair)) {
        throw refuse(
            "has \""
                + pair
                + "\" where case doesn't matter, which isn't read: it would also stand"
                + " for a ligature");
      }
    }
  }

  private PatternSyntax part(boolean anyCase) {
    int character = next();
    return switch (character) {
      case '(' -> group(anyCase);
      case '[' -> new PatternSyntax.One(set(anyCase));
      case '.' -> new PatternSyntax.One(CharSet.of(c -> c != '\n'));
      case '\\' ->
          new PatternSyntax.One(
              CharSet.of(
                  escapedSet(anyCase, CharSet::isWord)
                      .orElseGet(() -> CharSet.one(literal(escaped(), anyCase), anyCase))));
      case '^', '$' -> throw refuse("has an edge of a line, which isn't read");
      case '*', '+', '?', '{' -> throw refuse("repeats nothing, or what is repeated already");
      default ->
          new PatternSyntax.One(CharSet.of(CharSet.one(literal(character, anyCase), anyCase)));
    };
  }

  private PatternSyntax group(boolean anyCase) {
    if (++depth > DEEPEST) {
      throw refuse("nests deeper than " + DEEPEST);
    }
    PatternSyntax group;
    if (skip("?:")) {
      group = choice(anyCase);
    } else if (skip("?i:")) {
      group = choice(true);
    } else if (skip("?=")) {
      group = new PatternSyntax.Look(choice(anyCase), false, false);
    } else if (skip("?!")) {
      group = new PatternSyntax.Look(choice(anyCase), false, true);
    } else if (skip("?<=")) {
      group = new PatternSyntax.Look(choice(anyCase), true, false);
    } else if (skip("?<!")) {
      group = new PatternSyntax.Look(choice(anyCase), true, true);
    } else if (peek() == '?') {
      throw refuse("has a kind of group that isn't read; read: ( (?: (?i: (?= (?! (?<= (?<!");
    } else {
      group = choice(anyCase);
    }
    if (peek() != ')') {
      throw refuse("has a ( without )");
    }
    at++;
    depth--;
    return group;
  }

  private PatternSyntax repeated(PatternSyntax part) {
    int least;
    int most;
    boolean counted = false;
    switch (peek()) {
      case '*' -> {
        least = 0;
        most = PatternSyntax.UNBOUNDED;
      }
      case '+' -> {
        least = 1;
        most = PatternSyntax.UNBOUNDED;
      }
      case '?' -> {
        least = 0;
        most = 1;
      }
      case '{' -> {
        at++;
        counted = true;
        boolean open = peek() == ',';
        least = open ? 0 : number();
        if (peek() == ',') {
          at++;
          most = peek() == '}' && !open ? PatternSyntax.UNBOUNDED : number();
        } else {
          most = least;
        }
        if (peek() != '}' || least > most) {
          throw refuse("has a { that counts nothing");
        }
      }
      default -> {
        return part;
      }
    }
    at++;
    Greed greed = greed(counted, least == most);
    if (peek() == '*' || peek() == '+' || peek() == '?' || peek() == '{') {
      throw refuse("repeats what is repeated already");
    }
    if (part instanceof PatternSyntax.Look) {
      throw refuse("repeats a look ahead or behind");
    }
    if (most > 1 && part.shortest() == 0) {
      throw refuse("repeats what may be empty");
    }
    if (greed == Greed.ONLY_MOST && !(part instanceof PatternSyntax.One)) {
      throw refuse("repeats a group without going back, which is read for single characters only");
    }
    return new PatternSyntax.Repeat(part, least, most, greed);
  }

  private Greed greed(boolean counted, boolean fixed) {
    return switch (peek()) {
      case '+' -> {
        // There {1,3}+ means (?:…{1,3})+.
        if (counted) {
          throw refuse("has a + behind a counted repetition");
        }
        at++;
        yield Greed.ONLY_MOST;
      }
      case '?' -> {
        if (counted && fixed) {
          throw refuse("has a ? behind a repetition of fixed length");
        }
        at++;
        yield Greed.FEWEST_FIRST;
      }
      default -> Greed.MOST_FIRST;
    };
  }

  private int number() {
    int start = at;
    int number = 0;
    while (peek() >= '0' && peek() <= '9') {
      number = 10 * number + next() - '0';
      if (number > MOST_REPEATS) {
        throw refuse("repeats something more than " + MOST_REPEATS + " times");
      }
    }
    if (at == start) {
      throw refuse("has a { that counts nothing");
    }
    return number;
  }

  private CharSet set(boolean anyCase) {
    boolean negated = skip("^");
    if (negated && anyCase) {
      throw refuse("has a [^ where case doesn't matter, which isn't read");
    }
    List<IntPredicate> parts = new ArrayList<>();
    while (true) {
      int character = next();
      switch (character) {
        case ']' -> {
          if (parts.isEmpty()) {
            throw refuse("has a set of no characters");
          }
          return CharSet.of(parts, negated);
        }
        case '[' -> throw refuse("has a [ in a set, which isn't read; escape it as \\[");
        case '&' -> {
          if (peek() == '&') {
            throw refuse("has && in a set, which isn't read");
          }
          parts.add(rangeFrom(character, anyCase));
        }
        case '\\' -> {
          Optional<IntPredicate> named = escapedSet(anyCase, CharSet::isWordInBrackets);
          parts.add(named.isPresent() ? named.get() : rangeFrom(escaped(), anyCase));
        }
        default -> parts.add(rangeFrom(character, anyCase));
      }
    }
  }

  private IntPredicate rangeFrom(int first, boolean anyCase) {
    literal(first, anyCase);
    boolean range = peek() == '-' && at + 1 < pattern.length && pattern[at + 1] != ']';
    if (!range) {
      return CharSet.one(first, anyCase);
    }
    at++;
    int last = next();
    if (last == '\\') {
      last = escaped();
    } else if (last == '[') {
      throw refuse("has a [ in a set, which isn't read; escape it as \\[");
    }
    if (first > last) {
      throw refuse("has a range that goes backwards");
    }
    return CharSet.range(first, literal(last, anyCase), anyCase);
  }

  private int literal(int character, boolean anyCase) {
    if (anyCase && character >= 0x80) {
      throw refuse("has a character beyond ASCII where case doesn't matter, which isn't read");
    }
    return character;
  }

  /** What an escape such as \\s stands for, if it stands for several characters. */
  private Optional<IntPredicate> escapedSet(boolean anyCase, IntPredicate word) {
    int letter = peek();
    Optional<IntPredicate> set =
        switch (letter) {
          case 's' -> Optional.of(Whitespace::is);
          case 'S' -> Optional.of(character -> !Whitespace.is(character));
          case 'd' -> Optional.of(Character::isDigit);
          case 'D' -> Optional.of(character -> !Character.isDigit(character));
          case 'w' -> Optional.of(word);
          case 'W' -> Optional.of(word.negate());
          default -> Optional.empty();
        };
    if (set.isPresent()) {
      at++;
    } else if (letter == 'p' || letter == 'P') {
      at++;
      if (anyCase) {
        throw refuse("has a \\p where case doesn't matter, which isn't read");
      }
      IntPredicate named = property();
      return Optional.of(letter == 'P' ? named.negate() : named);
    }
    return set;
  }

  private IntPredicate property() {
    if (!skip("{")) {
      throw refuse("has a \\p without {");
    }
    boolean negated = skip("^");
    StringBuilder name = new StringBuilder();
    while (peek() != '}') {
      name.appendCodePoint(next());
    }
    at++;
    int categories = CharSet.categories(name.toString());
    IntPredicate named;
    if (categories != 0) {
      named = character -> CharSet.in(character, categories);
    } else {
      named = script(name.toString());
    }
    return negated ? named.negate() : named;
  }

  private IntPredicate script(String name) {
    Character.UnicodeScript script =
        switch (name) {
          case "Han" -> Character.UnicodeScript.HAN;
          case "Hiragana" -> Character.UnicodeScript.HIRAGANA;
          case "Katakana" -> Character.UnicodeScript.KATAKANA;
          case "Hangul" -> Character.UnicodeScript.HANGUL;
          default ->
              throw refuse(
                  "has \\p{"
                      + JsonPlace.shorten(name)
                      + "}, which isn't read; read: general categories such as L or Nd, Han,"
                      + " Hiragana, Katakana, Hangul");
        };
    return character -> Character.UnicodeScript.of(character) == script;
  }

  private int escaped() {
    int character = next();
    return switch (character) {
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'f' -> '\f';
      case 'v' -> 0x0B;
      case 'a' -> 0x07;
      case 'e' -> 0x1B;
      case 'u' -> hexadecimal(4);
      case 'x' -> {
        if (!skip("{")) {
          throw refuse("has a \\x without {");
        }
        int length = 0;
        while (at + length < pattern.length && pattern[at + length] != '}') {
          length++;
        }
        int value = hexadecimal(length);
        at++;
        yield value;
      }
      default -> {
        boolean letterOrDigit =
            (character >= 'a' && character <= 'z')
                || (character >= 'A' && character <= 'Z')
                || (character >= '0' && character <= '9');
        if (letterOrDigit || character >= 0x80) {
          throw refuse("has \\" + Character.toString(character) + ", which isn't read");
        }
        yield character;
      }
    };
  }

  private int hexadecimal(int digits) {
    int value = 0;
    for (int i = 0; i < digits; i++) {
      int digit = next();
      int number = digit < 0x80 ? Character.digit(digit, 16) : -1;
      value = 16 * value + number;
      if (number < 0 || value > Character.MAX_CODE_POINT) {
        throw refuse("has an escape that is no character");
      }
    }
    if (digits == 0 || (value >= Character.MIN_SURROGATE && value <= Character.MAX_SURROGATE)) {
      throw refuse("has an escape that is no character");
    }
    return value;
  }

  private int peek() {
    return at < pattern.length ? pattern[at] : END;
  }

  private int next() {
    if (at == pattern.length) {
      throw refuse("ends too early");
    }
    return pattern[at++];
  }

  private boolean skip(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (at + i >= pattern.length || pattern[at + i] != text.charAt(i)) {
        return false;
      }
    }
    at += text.length();
    return true;
  }

  private TokenizerException refuse(String rule) {
    return place.wrong(rule);
  }
}
