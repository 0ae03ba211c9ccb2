package org.pyramiddrop.loader.tokenizer;

/** Makes token ids of words; safe for several threads. */
sealed interface TokenModel permits BytePairEncoding, WordLevel {
  /** Adds the ids of a word that is not empty. */
  void encode(String word, TokenIds ids);

  Vocabulary vocabulary();

  /** Reads the file's {@code model}. */
  static TokenModel read(JsonPlace place) {
    if (place.isAbsent()) {
      throw place.wrong("is missing");
    }
    return switch (place.kind()) {
      case "BPE" -> BytePairEncoding.read(place);
      case "WordLevel" -> WordLevel.read(place);
      default -> throw place.unsupported("BPE, WordLevel");
    };
  }

  /** The id of the token that a field names. */
  static int idOf(JsonPlace named, Vocabulary vocabulary) {
    Integer id = vocabulary.id(named.text());
    if (id == null) {
      throw named.wrong("is not in the vocabulary");
    }
    return id;
  }
}
