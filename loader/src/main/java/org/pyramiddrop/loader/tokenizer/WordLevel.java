package org.pyramiddrop.loader.tokenizer;

/** A token for each known word, and one for all the others. */
record WordLevel(Vocabulary vocabulary, int unknown) implements TokenModel {
  static WordLevel read(JsonPlace place) {
    Vocabulary vocabulary = Vocabulary.read(place.member("vocab"));
    return new WordLevel(vocabulary, TokenModel.idOf(place.member("unk_token"), vocabulary));
  }

  @Override
  public void encode(String word, TokenIds ids) {
    Integer id = vocabulary.id(word);
    ids.add(id == null ? unknown : id);
  }
}
