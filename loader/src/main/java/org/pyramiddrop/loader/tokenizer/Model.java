package org.pyramiddrop.loader.tokenizer;

/** Makes token ids of words; safe for several threads. */
sealed interface Model permits BytePairs, WholeWords {
  /** Adds the ids of a word that is not empty. */
  void encode(String word, Ids ids);

  Vocabulary vocabulary();

  /** Reads the file's {@code model}. */
  static Model read(Place place) {
    if (place.isAbsent()) {
      throw place.wrong("is missing");
    }
    return switch (place.kind()) {
      case "BPE" -> BytePairs.read(place);
      case "WordLevel" -> WholeWords.read(place);
      default -> throw place.unsupported("BPE, WordLevel");
    };
  }

  /** The id of the token that a field names. */
  static int idOf(Place named, Vocabulary vocabulary) {
    Integer id = vocabulary.id(named.text());
    if (id == null) {
      throw named.wrong("is not in the vocabulary");
    }
    return id;
  }
}
