package org.pyramiddrop.loader.tokenizer;

/** A token for each known word, and one for all the others. */
record WholeWords(Vocabulary vocabulary, int unknown) implements Model {
  static WholeWords read(Place place) {
    Vocabulary vocabulary = Vocabulary.read(place.member("vocab"));
    return new WholeWords(vocabulary, Model.idOf(place.member("unk_token"), vocabulary));
  }

  @Override
  public void encode(String word, Ids ids) {
    Integer id = vocabulary.id(word);
    ids.add(id == null ? unknown : id);
  }
}
