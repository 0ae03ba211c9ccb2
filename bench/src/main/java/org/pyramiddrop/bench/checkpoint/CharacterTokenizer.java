package org.pyramiddrop.bench.checkpoint;

import java.util.stream.IntStream;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * A {@code tokenizer.json} for a checkpoint that has learnt no language: a token for each printable
 * ASCII character, LLaMA's 256 byte tokens for everything else, and made-up words for the other
 * ids, so that whatever a random model says can be written down.
 */
final class CharacterTokenizer {
  static final String SPACE = "▁";

  /**
   * Token ids that it needs at least: special tokens, bytes, the space and printable characters.
   */
  static final int LEAST = 3 + 256 + 1 + 94;

  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private CharacterTokenizer() {}

  /**
   * The file's content.
   *
   * @param imageToken the id of {@code <image>}; ids below it are the vocabulary, the next one is
   *     padding
   */
  static ObjectNode of(int imageToken) {
    ObjectNode file = JSON.objectNode();
    file.put("version", "1.0").putNull("truncation").putNull("padding");
    ArrayNode added = file.putArray("added_tokens");
    special(added, 0, "<unk>");
    special(added, 1, "<s>");
    special(added, 2, "</s>");
    special(added, imageToken, "<image>");
    special(added, imageToken + 1, "<pad>");
    ObjectNode normalizer = file.putObject("normalizer").put("type", "Sequence");
    ArrayNode normalizers = normalizer.putArray("normalizers");
    normalizers.addObject().put("type", "Prepend").put("prepend", SPACE);
    ObjectNode space = normalizers.addObject().put("type", "Replace").put("content", SPACE);
    space.putObject("pattern").put("String", " ");
    file.putNull("pre_tokenizer");
    file.set("post_processor", startToken());
    file.set("decoder", decoder());
    file.set("model", model(imageToken));
    return file;
  }

  private static void special(ArrayNode added, int id, String content) {
    added
        .addObject()
        .put("id", id)
        .put("content", content)
        .put("single_word", false)
        .put("lstrip", false)
        .put("rstrip", false)
        .put("normalized", false)
        .put("special", true);
  }

  private static ObjectNode startToken() {
    ObjectNode processor = JSON.objectNode().put("type", "TemplateProcessing");
    for (String key : new String[] {"single", "pair"}) {
      ArrayNode parts = processor.putArray(key);
      parts.addObject().putObject("SpecialToken").put("id", "<s>").put("type_id", 0);
      parts.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
      if (key.equals("pair")) {
        parts.addObject().putObject("Sequence").put("id", "B").put("type_id", 1);
      }
    }
    ObjectNode start = processor.putObject("special_tokens").putObject("<s>").put("id", "<s>");
    start.putArray("ids").add(1);
    start.putArray("tokens").add("<s>");
    return processor;
  }

  private static ObjectNode decoder() {
    ObjectNode decoder = JSON.objectNode().put("type", "Sequence");
    ArrayNode steps = decoder.putArray("decoders");
    ObjectNode space = steps.addObject().put("type", "Replace").put("content", " ");
    space.putObject("pattern").put("String", SPACE);
    steps.addObject().put("type", "ByteFallback");
    steps.addObject().put("type", "Fuse");
    steps.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
    return decoder;
  }

  private static ObjectNode model(int size) {
    ObjectNode model = JSON.objectNode().put("type", "BPE").putNull("dropout");
    model.put("unk_token", "<unk>").putNull("continuing_subword_prefix");
    model.putNull("end_of_word_suffix").put("fuse_unk", true).put("byte_fallback", true);
    ObjectNode vocabulary = model.putObject("vocab");
    vocabulary.put("<unk>", 0).put("<s>", 1).put("</s>", 2);
    IntStream.range(0, 256)
        .forEach(b -> vocabulary.put("<0x%02X>".formatted(b), vocabulary.size()));
    vocabulary.put(SPACE, vocabulary.size());
    IntStream.rangeClosed('!', '~')
        .forEach(c -> vocabulary.put(Character.toString(c), vocabulary.size()));
    while (vocabulary.size() < size) {
      vocabulary.put(SPACE + "w" + vocabulary.size(), vocabulary.size());
    }
    model.putArray("merges");
    return model;
  }
}
