package org.pyramiddrop.loader.tokenizer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The tokens beside a model's own that stand for themselves; safe for several threads. */
final class AddedTokens {
  private final Map<Integer, AddedToken> byId;
  private final TokenCutter inGivenText;
  private final TokenCutter inNormalizedText;

  private AddedTokens(
      Map<Integer, AddedToken> byId, TokenCutter inGivenText, TokenCutter inNormalizedText) {
    this.byId = byId;
    this.inGivenText = inGivenText;
    this.inNormalizedText = inNormalizedText;
  }

  static AddedTokens read(JsonPlace place, Vocabulary vocabulary, Normalizer normalizer) {
    List<JsonPlace> places = place.isAbsent() ? List.of() : place.elements();
    Map<Integer, AddedToken> byId = new HashMap<>();
    Set<String> contents = new HashSet<>();
    // Those that look the same once normalised are told apart by their order: special ones first.
    List<AddedToken> ordinary = new ArrayList<>();
    List<AddedToken> special = new ArrayList<>();
    long nextId = vocabulary.size();
    for (JsonPlace each : places) {
      AddedToken token = AddedToken.read(each);
      JsonPlace id = each.member("id");
      if (!contents.add(token.content())) {
        throw each.member("content").wrong("is there twice");
      }
      Integer known = vocabulary.id(token.content());
      // A token's id follows from the vocabulary and the tokens before it, whatever the file says.
      long expected = known == null ? nextId : known;
      if (token.id() != expected) {
        throw id.wrong(
            "must be "
                + expected
                + ", "
                + (known == null ? "the next free one" : "the id that the vocabulary has for it"));
      }
      if (byId.put(token.id(), token) != null) {
        throw id.wrong("is there twice");
      }
      String other = vocabulary.token(token.id());
      if (known == null && other != null) {
        throw id.wrong("is also the id of '" + JsonPlace.shorten(other) + "'");
      }
      nextId = Math.max(nextId, token.id() + 1L);
      if (token.normalized() && look(token, normalizer).isEmpty()) {
        throw each.member("content").wrong("is nothing once it is normalised");
      }
      (token.special() ? special : ordinary).add(token);
    }
    List<AddedToken> all = Stream.concat(special.stream(), ordinary.stream()).toList();
    List<AddedToken> given = all.stream().filter(token -> !token.normalized()).toList();
    List<AddedToken> normalized = all.stream().filter(AddedToken::normalized).toList();
    return new AddedTokens(
        byId,
        new TokenCutter(given, given.stream().map(AddedToken::content).toList()),
        new TokenCutter(
            normalized, normalized.stream().map(token -> look(token, normalizer)).toList()));
  }

  private static String look(AddedToken token, Normalizer normalizer) {
    return normalizer.normalize(Slice.whole(token.content())).text();
  }

  /** Cuts a text into added tokens and normalised text between them. */
  List<Slice> cut(String text, Normalizer normalizer) {
    List<Slice> given = new ArrayList<>();
    inGivenText.cut(Slice.whole(text), given);
    List<Slice> parts = new ArrayList<>(given.size());
    for (Slice part : given) {
      if (part.isToken()) {
        parts.add(part);
      } else {
        inNormalizedText.cut(normalizer.normalize(part), parts);
      }
    }
    return parts;
  }

  @Nullable AddedToken token(int id) {
    return byId.get(id);
  }
}
