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
  static PreTokenizer read(Place place) {
    if (place.isAbsent()) {
      return (slice, words) -> words.add(slice);
    }
    return switch (place.kind()) {
      case "Sequence" -> sequence(place.member("pretokenizers").elements());
      case "ByteLevel" -> byteLevel(place);
      case "Metaspace" -> Metaspace.read(place);
      case "Split" ->
          cutting(
              Finder.read(place.member("pattern")),
              Cut.read(place.member("behavior")),
              place.member("invert").flag());
      case "Whitespace" -> cutting(new WordRuns(), Cut.REMOVED, true);
      case "WhitespaceSplit" -> cutting(Finder.of(Whitespace::is), Cut.REMOVED, false);
      case "Digits" ->
          cutting(
              Finder.of(RustCharacters::isNumber),
              place.member("individual_digits").flag() ? Cut.ISOLATED : Cut.CONTIGUOUS,
              false);
      case "Punctuation" -> {
        Place behavior = place.member("behavior");
        yield cutting(
            Finder.of(RustCharacters::isPunctuation),
            behavior.isAbsent() ? Cut.ISOLATED : Cut.read(behavior),
            false);
      }
      default -> throw place.unsupported(SUPPORTED);
    };
  }

  static PreTokenizer cutting(Finder finder, Cut cut, boolean invert) {
    return (slice, words) -> cut.apply(slice, finder.find(slice.text()), invert, words);
  }

  private static PreTokenizer sequence(List<Place> places) {
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

  private static PreTokenizer byteLevel(Place place) {
    boolean prefix = place.member("add_prefix_space").flag();
    PreTokenizer cutter =
        place.member("use_regex").flag(true)
            ? cutting(Regex.compile(place, ByteLevel.WORDS), Cut.ISOLATED, false)
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
