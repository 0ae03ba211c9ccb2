package org.pyramiddrop.loader.tokenizer;

/**
 * A token that stands for itself wherever it is written.
 *
 * @param singleWord whether it counts only where no word goes on before or behind it
 * @param lstrip whether it takes the whitespace before it along
 * @param rstrip whether it takes the whitespace behind it along
 * @param normalized whether it is looked for in the normalised text
 * @param special whether it is left out of decoded text on request
 */
record AddedToken(
    int id,
    String content,
    boolean singleWord,
    boolean lstrip,
    boolean rstrip,
    boolean normalized,
    boolean special) {
  static AddedToken read(JsonPlace place) {
    JsonPlace content = place.member("content");
    if (content.text().isEmpty()) {
      throw content.wrong("is empty");
    }
    return new AddedToken(
        place.member("id").count(),
        content.text(),
        place.member("single_word").flag(),
        place.member("lstrip").flag(),
        place.member("rstrip").flag(),
        place.member("normalized").flag(),
        place.member("special").flag());
  }
}
