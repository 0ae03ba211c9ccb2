package org.pyramiddrop.loader.tokenizer;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Makes text of tokens; safe for several threads. */
@FunctionalInterface
interface Decoder {
  String SUPPORTED =
      "Sequence, ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace, BPEDecoder";

  /** The texts that tokens become, which are joined in the end. */
  List<String> decode(List<String> tokens);

  /** Reads the file's {@code decoder}; without one there are spaces between tokens. */
  static Decoder read(JsonPlace place) {
    return place.isAbsent() ? tokens -> List.of(String.join(" ", tokens)) : step(place);
  }

  private static Decoder step(JsonPlace place) {
    return switch (place.kind()) {
      case "Sequence" -> {
        List<Decoder> steps =
            place.member("decoders").elements().stream().map(Decoder::step).toList();
        yield tokens -> {
          List<String> texts = tokens;
          for (Decoder step : steps) {
            texts = step.decode(texts);
          }
          return texts;
        };
      }
      case "ByteLevel" -> {
        place.member("add_prefix_space").flag(true);
        place.member("trim_offsets").flag(true);
        place.member("use_regex").flag(true);
        yield Decoder::bytes;
      }
      case "ByteFallback" -> new ByteFallback();
      case "Fuse" -> tokens -> List.of(String.join("", tokens));
      case "Strip" -> each(Strip.read(place)::of);
      case "Replace" -> each(Replacement.read(place)::in);
      case "Metaspace" -> metaspace(place);
      case "BPEDecoder" -> wordEnds(place.member("suffix"));
      default -> throw place.unsupported(SUPPORTED);
    };
  }

  private static Decoder each(UnaryOperator<String> change) {
    return tokens -> tokens.stream().map(change).toList();
  }

  private static List<String> bytes(List<String> tokens) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    tokens.forEach(token -> bytes.writeBytes(ByteLevel.decoded(token)));
    return List.of(LossyUtf8.decode(bytes.toByteArray()));
  }

  private static Decoder metaspace(JsonPlace place) {
    String mark = Character.toString(place.member("replacement").character());
    place.member("split").flag(true);
    boolean prefixed = Metaspace.prefix(place) != Metaspace.Prefix.NEVER;
    return tokens -> {
      List<String> texts = new ArrayList<>(tokens.size());
      for (String token : tokens) {
        texts.add(token.replace(mark, texts.isEmpty() && prefixed ? "" : " "));
      }
      return texts;
    };
  }

  private static Decoder wordEnds(JsonPlace suffix) {
    String end = suffix.text();
    if (end.isEmpty()) {
      throw suffix.wrong("is empty");
    }
    return tokens -> {
      List<String> texts = new ArrayList<>(tokens.size());
      for (String token : tokens) {
        boolean isLast = texts.size() == tokens.size() - 1;
        texts.add(token.replace(end, isLast ? "" : " "));
      }
      return texts;
    };
  }
}
