package org.pyramiddrop.loader.tokenizer;

import java.util.List;

/** A visible mark in the place of spaces, which may also begin a text. */
final class Metaspace implements PreTokenizer {
  private final String mark;
  private final Prefix prefix;
  private final Replacement spaces;
  private final PreTokenizer cutter;

  /** Where a mark is put that the text doesn't have. */
  enum Prefix {
    FIRST,
    NEVER,
    ALWAYS
  }

  private Metaspace(String mark, Prefix prefix, Replacement spaces, PreTokenizer cutter) {
    this.mark = mark;
    this.prefix = prefix;
    this.spaces = spaces;
    this.cutter = cutter;
  }

  static Metaspace read(JsonPlace place) {
    int mark = place.member("replacement").character();
    return new Metaspace(
        Character.toString(mark),
        prefix(place),
        Replacement.of(place, ' ', Character.toString(mark)),
        place.member("split").flag(true)
            ? PreTokenizer.cutting(
                TextFinder.of(character -> character == mark),
                DelimiterBehavior.MERGED_WITH_NEXT,
                false)
            : (slice, words) -> words.add(slice));
  }

  static Prefix prefix(JsonPlace place) {
    JsonPlace scheme = place.member("prepend_scheme");
    Prefix prefix =
        scheme.isAbsent()
            ? Prefix.ALWAYS
            : switch (scheme.text()) {
              case "first" -> Prefix.FIRST;
              case "never" -> Prefix.NEVER;
              case "always" -> Prefix.ALWAYS;
              default -> throw scheme.wrong("isn't supported; supported: first, never, always");
            };
    // Older files have this instead.
    JsonPlace older = place.member("add_prefix_space");
    if (older.flag(true)) {
      return prefix;
    }
    if (!scheme.isAbsent() && prefix != Prefix.NEVER) {
      throw older.wrong("does not agree with prepend_scheme");
    }
    return Prefix.NEVER;
  }

  @Override
  public void cut(Slice slice, List<Slice> words) {
    Slice marked = spaces.in(slice);
    boolean wanted =
        switch (prefix) {
          case FIRST -> marked.first();
          case NEVER -> false;
          case ALWAYS -> true;
        };
    cutter.cut(wanted && !marked.text().startsWith(mark) ? marked.prepend(mark) : marked, words);
  }
}
