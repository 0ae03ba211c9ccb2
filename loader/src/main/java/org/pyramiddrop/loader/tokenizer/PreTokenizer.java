package org.pyramiddrop.loader.tokenizer;

import java.util.ArrayList;
import java.util.List;

/** Cuts normalised text into words, and may rewrite them; safe for several threads. */
@FunctionalInterface
interface PreTokenizer {
  String SUPPORTED =
      "Sequence, ByteLevel, Metaspace, Split, Whitespace, WhitespaceSplit, Digits, Punctuation";

  /** Adds the words of a slice that is not empty; none of them is empty. */
  void cut(Slice slice, List<Slice> words);

  /** Reads the file's {@code pre_tokenizer}. */
  static PreTokenizer read(JsonPlace place) {
    if (place.isAbsent()) {
      return (slice, words) -> words.add(slice);
    }
    return switch (place.kind()) {
      case "Sequence" -> sequence(place.member("pretokenizers").elements());
      case "ByteLevel" -> byteLevel(place);
      case "Metaspace" -> Metaspace.read(place);
      case "Split" ->
          cutting(
              TextFinder.read(place.member("pattern")),
              DelimiterBehavior.read(place.member("behavior")),
              place.member("invert").flag());
      case "Whitespace" -> cutting(new WordRuns(), DelimiterBehavior.REMOVED, true);
      case "WhitespaceSplit" ->
          cutting(TextFinder.of(Whitespace::is), DelimiterBehavior.REMOVED, false);
      case "Digits" ->
          cutting(
              TextFinder.of(RustCharacters::isNumber),
              place.member("individual_digits").flag()
                  ? DelimiterBehavior.ISOLATED
                  : DelimiterBehavior.CONTIGUOUS,
              false);
      case "Punctuation" -> {
        JsonPlace behavior = place.member("behavior");
        yield cutting(
            TextFinder.of(RustCharacters::isPunctuation),
            behavior.isAbsent() ? DelimiterBehavior.ISOLATED : DelimiterBehavior.read(behavior),
            false);
      }
      default -> throw place.unsupported(SUPPORTED);
    };
  }

  static PreTokenizer cutting(TextFinder finder, DelimiterBehavior cut, boolean invert) {
    return (slice, words) -> cut.apply(slice, finder.find(slice.text()), invert, words);
  }

  private static PreTokenizer sequence(List<JsonPlace> places) {
    List<PreTokenizer> steps = places.stream().map(PreTokenizer::read).toList();
    return (slice, words) -> {
      List<Slice> slices = List.of(slice);
      for (PreTokenizer step : steps) {
        List<Slice> cut = new ArrayList<>();
        slices.forEach(each -> step.cut(each, cut));
        slices = cut;
      }
      words.addAll(slices);
    };
  }

  private static PreTokenizer byteLevel(JsonPlace place) {
    boolean prefix = place.member("add_prefix_space").flag();
    PreTokenizer cutter =
        place.member("use_regex").flag(true)
            ? cutting(Regex.compile(place, ByteLevel.WORDS), DelimiterBehavior.ISOLATED, false)
            : (slice, words) -> words.add(slice);
    return (slice, words) -> {
      List<Slice> cut = new ArrayList<>();
      cutter.cut(prefix && !slice.text().startsWith(" ") ? slice.prepend(" ") : slice, cut);
      for (Slice word : cut) {
        words.add(ByteLevel.encoded(word));
      }
    };
  }
}
