package org.pyramiddrop.loader.tokenizer;

import java.util.List;

/** Which pairs of tokens become one, the first of the list before the others. */
final class Merges {
  private final PairTable ranks;
  private final int[] products;

  private Merges(PairTable ranks, int[] products) {
    this.ranks = ranks;
    this.products = products;
  }

  static Merges read(JsonPlace place, Vocabulary vocabulary) {
    List<JsonTree> pairs = place.trees();
    PairTable ranks = new PairTable(pairs.size());
    int[] products = new int[pairs.size()];
    // Either all are "a b", of which comments are none, or all are ["a", "b"].
    boolean written = !pairs.isEmpty() && pairs.getFirst() instanceof JsonTree.Text;
    int rank = 0;
    for (int i = 0; i < pairs.size(); i++) {
      String left;
      String right;
      if (written && pairs.get(i) instanceof JsonTree.Text(String pair)) {
        if (pair.startsWith("#version")) {
          continue;
        }
        int space = pair.indexOf(' ');
        if (space < 0 || pair.indexOf(' ', space + 1) >= 0) {
          throw place.element(i).wrong("must be two tokens with a space between");
        }
        left = pair.substring(0, space);
        right = pair.substring(space + 1);
      } else if (!written
          && pairs.get(i) instanceof JsonTree.Elements(List<JsonTree> two)
          && two.size() == 2
          && two.get(0) instanceof JsonTree.Text(String first)
          && two.get(1) instanceof JsonTree.Text(String second)) {
        left = first;
        right = second;
      } else {
        throw place.element(i).wrong("must be two tokens, written as the first pair is");
      }
      products[rank] = known(left + right, vocabulary, place, i);
      ranks.put(known(left, vocabulary, place, i), known(right, vocabulary, place, i), rank);
      rank++;
    }
    return new Merges(ranks, products);
  }

  private static int known(String token, Vocabulary vocabulary, JsonPlace place, int index) {
    Integer id = vocabulary.id(token);
    if (id == null) {
      throw place
          .element(index)
          .wrong("needs '" + JsonPlace.shorten(token) + "', which is not in the vocabulary");
    }
    return id;
  }

  /** The place of a pair in the list, or {@link PairTable#NONE}. */
  int rank(int left, int right) {
    return ranks.get(left, right);
  }

  /** The token that the pair at a place of the list becomes. */
  int product(int rank) {
    return products[rank];
  }
}
