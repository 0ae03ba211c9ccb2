package org.pyramiddrop.loader.tokenizer;

import java.util.List;

/** Rewrites text before it is cut into words; safe for several threads. */
@FunctionalInterface
interface Normalizer {
  String SUPPORTED = "Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, Strip";

  Slice normalize(Slice slice);

  /** Reads the file's {@code normalizer}. */
  static Normalizer read(JsonPlace place) {
    if (place.isAbsent()) {
      return slice -> slice;
    }
    return switch (place.kind()) {
      case "Sequence" -> {
        List<Normalizer> steps =
            place.member("normalizers").elements().stream().map(Normalizer::read).toList();
        yield slice -> {
          Slice result = slice;
          for (Normalizer step : steps) {
            result = step.normalize(result);
          }
          return result;
        };
      }
      case "Prepend" -> {
        String prefix = place.member("prepend").text();
        yield slice -> slice.prepend(prefix);
      }
      case "Replace" -> Replacement.read(place)::in;
      case "NFC" -> form(java.text.Normalizer.Form.NFC);
      case "NFD" -> form(java.text.Normalizer.Form.NFD);
      case "NFKC" -> form(java.text.Normalizer.Form.NFKC);
      case "NFKD" -> form(java.text.Normalizer.Form.NFKD);
      case "Lowercase" -> slice -> rewritten(slice, Lowercase::of);
      case "Strip" -> strip(place.member("strip_left").flag(), place.member("strip_right").flag());
      default -> throw place.unsupported(SUPPORTED);
    };
  }

  private static Normalizer form(java.text.Normalizer.Form form) {
    return slice -> rewritten(slice, text -> UnicodeForm.of(text, form));
  }

  // What stems from the first character is rewritten alone to see how long it becomes.
  private static Slice rewritten(Slice slice, java.util.function.UnaryOperator<String> rewrite) {
    String text = rewrite.apply(slice.text());
    int origin = rewrite.apply(slice.text().substring(0, slice.origin())).length();
    return slice.with(text, Math.min(origin, text.length()));
  }

  private static Normalizer strip(boolean left, boolean right) {
    return slice -> {
      String text = slice.text();
      int start = left ? Whitespace.endFrom(text, 0, text.length()) : 0;
      int end = right ? Whitespace.startBefore(text, text.length(), start) : text.length();
      return slice.with(text.substring(start, end), Math.max(slice.origin() - start, 0));
    };
  }
}
