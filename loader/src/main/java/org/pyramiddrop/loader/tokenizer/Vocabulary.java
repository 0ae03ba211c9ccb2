package org.pyramiddrop.loader.tokenizer;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The tokens of a model and their ids, one to one; safe for several threads. */
final class Vocabulary {
  private final Map<String, Integer> ids;
  private final Map<Integer, String> tokens;

  private Vocabulary(Map<String, Integer> ids, Map<Integer, String> tokens) {
    this.ids = ids;
    this.tokens = tokens;
  }

  static Vocabulary read(JsonPlace place) {
    Map<String, JsonTree> members = place.members();
    Map<String, Integer> ids = HashMap.newHashMap(members.size());
    Map<Integer, String> tokens = HashMap.newHashMap(members.size());
    members.forEach((token, value) -> {
      Integer id =
          value instanceof JsonTree.Whole(long whole) && whole >= 0 && whole <= Integer.MAX_VALUE
              ? (Integer) (int) whole
              : (Integer) place.member(token).count();
      String other = tokens.put(id, token);
      if (other != null) {
        throw place.member(token).wrong("is also the id of '" + JsonPlace.shorten(other) + "'");
      }
      ids.put(token, id);
    });
    return new Vocabulary(ids, tokens);
  }

  @Nullable Integer id(String token) {
    return ids.get(token);
  }

  @Nullable String token(int id) {
    return tokens.get(id);
  }

  int size() {
    return ids.size();
  }
}
