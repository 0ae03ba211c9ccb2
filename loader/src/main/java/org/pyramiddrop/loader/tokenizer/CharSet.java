package org.pyramiddrop.loader.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;

/** A set of characters out of a pattern. */
final class CharSet {
  private static final int ASCII = 128;
  private static final int WORD = categories("M") | categories("Nd") | categories("Pc");

  private final long[] ascii = new long[2];
  private final IntPredicate[] parts;
  private final boolean negated;

  private CharSet(List<IntPredicate> parts, boolean negated) {
    this.parts = parts.toArray(IntPredicate[]::new);
    this.negated = negated;
    for (int character = 0; character < ASCII; character++) {
      if (inParts(character) != negated) {
        ascii[character >> 6] |= 1L << character;
      }
    }
  }

  static CharSet of(IntPredicate part) {
    return new CharSet(List.of(part), false);
  }

  /** What is in any of the parts, or in none if {@code negated}. */
  static CharSet of(List<IntPredicate> parts, boolean negated) {
    return new CharSet(new ArrayList<>(parts), negated);
  }

  boolean has(int character) {
    return character < ASCII
        ? (ascii[character >> 6] >>> character & 1) != 0
        : inParts(character) != negated;
  }

  private boolean inParts(int character) {
    for (IntPredicate part : parts) {
      if (part.test(character)) {
        return true;
      }
    }
    return false;
  }

  /** One character, or in a case-insensitive part of a pattern an ASCII letter and its cases. */
  static IntPredicate one(int character, boolean anyCase) {
    return range(character, character, anyCase);
  }

  static IntPredicate range(int first, int last, boolean anyCase) {
    IntPredicate plain = character -> character >= first && character <= last;
    return anyCase ? character -> plain.test(character) || otherCaseIn(plain, character) : plain;
  }

  private static boolean otherCaseIn(IntPredicate plain, int character) {
    return switch (character) {
      // The long s and the kelvin sign are cases of s and k.
      case 0x17F -> plain.test('s') || plain.test('S');
      case 0x212A -> plain.test('k') || plain.test('K');
      default -> {
        int folded = character | 0x20;
        yield folded >= 'a' && folded <= 'z' && plain.test(character ^ 0x20);
      }
    };
  }

  /** What {@code \\w} is to Oniguruma outside brackets. */
  static boolean isWord(int character) {
    return switch (character) {
      // Superscripts and fractions, which only its table of Latin-1 has.
      case 0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE -> true;
      default -> isWordInBrackets(character);
    };
  }

  /** What {@code \\w} is to Oniguruma in brackets. */
  static boolean isWordInBrackets(int character) {
    return Character.isAlphabetic(character) || in(character, WORD);
  }

  /**
   * Whether a character is of a general category such as {@code Lu}, or group such as {@code L}.
   */
  static boolean in(int character, int categories) {
    return (1 << Character.getType(character) & categories) != 0;
  }

  /** The general categories of a name such as {@code L} or {@code Lu} as a bit set, or 0. */
  static int categories(String name) {
    return switch (name) {
      case "L" -> categories("Lu", "Ll", "Lt", "Lm", "Lo");
      case "M" -> categories("Mn", "Mc", "Me");
      case "N" -> categories("Nd", "Nl", "No");
      case "P" -> categories("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po");
      case "S" -> categories("Sm", "Sc", "Sk", "So");
      case "Z" -> categories("Zs", "Zl", "Zp");
      case "Lu" -> 1 << Character.UPPERCASE_LETTER;
      case "Ll" -> 1 << Character.LOWERCASE_LETTER;
      case "Lt" -> 1 << Character.TITLECASE_LETTER;
      case "Lm" -> 1 << Character.MODIFIER_LETTER;
      case "Lo" -> 1 << Character.OTHER_LETTER;
      case "Mn" -> 1 << Character.NON_SPACING_MARK;
      case "Mc" -> 1 << Character.COMBINING_SPACING_MARK;
      case "Me" -> 1 << Character.ENCLOSING_MARK;
      case "Nd" -> 1 << Character.DECIMAL_DIGIT_NUMBER;
      case "Nl" -> 1 << Character.LETTER_NUMBER;
      case "No" -> 1 << Character.OTHER_NUMBER;
      case "Pc" -> 1 << Character.CONNECTOR_PUNCTUATION;
      case "Pd" -> 1 << Character.DASH_PUNCTUATION;
      case "Ps" -> 1 << Character.START_PUNCTUATION;
      case "Pe" -> 1 << Character.END_PUNCTUATION;
      case "Pi" -> 1 << Character.INITIAL_QUOTE_PUNCTUATION;
      case "Pf" -> 1 << Character.FINAL_QUOTE_PUNCTUATION;
      case "Po" -> 1 << Character.OTHER_PUNCTUATION;
      case "Sm" -> 1 << Character.MATH_SYMBOL;
      case "Sc" -> 1 << Character.CURRENCY_SYMBOL;
      case "Sk" -> 1 << Character.MODIFIER_SYMBOL;
      case "So" -> 1 << Character.OTHER_SYMBOL;
      case "Zs" -> 1 << Character.SPACE_SEPARATOR;
      case "Zl" -> 1 << Character.LINE_SEPARATOR;
      case "Zp" -> 1 << Character.PARAGRAPH_SEPARATOR;
      default -> 0;
    };
  }

  private static int categories(String... names) {
    int categories = 0;
    for (String name : names) {
      categories |= categories(name);
    }
    return categories;
  }
}
