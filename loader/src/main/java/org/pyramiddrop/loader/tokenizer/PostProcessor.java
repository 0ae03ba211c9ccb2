package org.pyramiddrop.loader.tokenizer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;

/** The ids that go before and behind a text's own if special tokens are asked for. */
final class PostProcessor {
  private static final PostProcessor NONE = new PostProcessor(new int[0], new int[0]);
  private static final String SUPPORTED =
      "Sequence, TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing";

  private final int[] before;
  private final int[] behind;

  private PostProcessor(int[] before, int[] behind) {
    this.before = before;
    this.behind = behind;
  }

  /** Reads the file's {@code post_processor}; {@code known} says whether an id is a token's. */
  static PostProcessor read(JsonPlace place, IntPredicate known) {
    if (place.isAbsent()) {
      return NONE;
    }
    return switch (place.kind()) {
      case "Sequence" -> onlyOne(place.member("processors"), known);
      case "TemplateProcessing" -> template(place, known);
      case "BertProcessing", "RobertaProcessing" ->
          new PostProcessor(
              new int[] {token(place.member("cls"), known)},
              new int[] {token(place.member("sep"), known)});
      // Moves the bounds of tokens in the text, which nobody asks for.
      case "ByteLevel" -> NONE;
      default -> throw place.unsupported(SUPPORTED);
    };
  }

  void begin(TokenIds ids) {
    ids.addAll(before);
  }

  void end(TokenIds ids) {
    ids.addAll(behind);
  }

  private static PostProcessor onlyOne(JsonPlace steps, IntPredicate known) {
    PostProcessor only = NONE;
    for (JsonPlace step : steps.elements()) {
      PostProcessor frame = read(step, known);
      if (frame.isEmpty()) {
        continue;
      }
      if (!only.isEmpty()) {
        throw step.wrong("is a second one that adds tokens, which isn't supported");
      }
      only = frame;
    }
    return only;
  }

  private boolean isEmpty() {
    return before.length == 0 && behind.length == 0;
  }

  private static int token(JsonPlace pair, IntPredicate known) {
    if (pair.elements().size() != 2) {
      throw pair.wrong("must be a token and its id");
    }
    String token = pair.element(0).text();
    int id = pair.element(1).count();
    if (!known.test(id)) {
      throw pair.element(1)
          .wrong("is the id of no token, but is given for " + JsonPlace.shorten(token));
    }
    return id;
  }

  private static PostProcessor template(JsonPlace place, IntPredicate known) {
    Map<String, int[]> tokens = specialTokens(place.member("special_tokens"), known);
    List<int[]> pair = new ArrayList<>();
    sequence(place.member("pair"), tokens, pair);
    List<int[]> pieces = new ArrayList<>();
    List<Integer> sequences = sequence(place.member("single"), tokens, pieces);
    if (sequences.size() != 1
        || !place
            .member("single")
            .element(sequences.getFirst())
            .member("Sequence")
            .member("id")
            .text()
            .equals("A")) {
      throw place.member("single").wrong("must have the sequence A once and B not at all");
    }
    int at = sequences.getFirst();
    return new PostProcessor(
        joined(pieces.subList(0, at)), joined(pieces.subList(at + 1, pieces.size())));
  }

  private static Map<String, int[]> specialTokens(JsonPlace place, IntPredicate known) {
    Map<String, int[]> tokens = new HashMap<>();
    for (String name : place.members().keySet()) {
      JsonPlace token = place.member(name);
      token.member("id").text();
      token.member("tokens").elements().forEach(JsonPlace::text);
      List<JsonPlace> ids = token.member("ids").elements();
      for (JsonPlace id : ids) {
        if (!known.test(id.count())) {
          throw id.wrong("is the id of no token");
        }
      }
      tokens.put(name, ids.stream().mapToInt(JsonPlace::count).toArray());
    }
    return tokens;
  }

  /** Adds the ids of each piece, none for a sequence, and returns where the sequences are. */
  private static List<Integer> sequence(
      JsonPlace template, Map<String, int[]> tokens, List<int[]> pieces) {
    List<Integer> sequences = new ArrayList<>();
    for (JsonPlace piece : template.elements()) {
      JsonPlace sequence = piece.member("Sequence");
      JsonPlace special = piece.member("SpecialToken");
      if (sequence.isAbsent() == special.isAbsent()) {
        throw piece.wrong("must be either a Sequence or a SpecialToken");
      }
      JsonPlace named = sequence.isAbsent() ? special : sequence;
      named.member("type_id").count();
      String id = named.member("id").text();
      if (sequence.isAbsent()) {
        int[] ids = tokens.get(id);
        if (ids == null) {
          throw special.member("id").wrong("is not among the special_tokens beside it");
        }
        pieces.add(ids);
      } else {
        if (!id.equals("A") && !id.equals("B")) {
          throw sequence.member("id").wrong("must be \"A\" or \"B\"");
        }
        sequences.add(pieces.size());
        pieces.add(new int[0]);
      }
    }
    return sequences;
  }

  private static int[] joined(List<int[]> pieces) {
    TokenIds ids = new TokenIds(8);
    pieces.forEach(ids::addAll);
    return ids.toArray();
  }
}
