package org.pyramiddrop.bench.checkpoint;

import java.util.stream.IntStream;
import tools.jackson.databind.node.ObjectNode;

/**
 * A {@code tokenizer.json} for a checkpoint that has learnt no language: a token for each printable
 * ASCII character, LLaMA's 256 byte tokens for everything else, and made-up words for the other
 * ids, so that whatever a random model says can be written down.
 */
final class CharacterTokenizer {
  /** Special tokens, bytes, the space and printable characters need so many ids. */
  static final int LEAST = 3 + 256 + 1 + 94;

  private static final String SPACE = "▁";

  private static final String FILE =
      """
      {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
       "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "content": "▁", "pattern": {"String": " "}}]},
       "pre_tokenizer": null,
       "post_processor": {"type": "TemplateProcessing",
        "single": [
         {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [
         {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
         {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
       "decoder": {"type": "Sequence", "decoders": [
        {"type": "Replace", "content": " ", "pattern": {"String": "▁"}},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
       "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>",
        "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true,
        "byte_fallback": true, "vocab": {}, "merges": []}}
      """
          .replace("▁", SPACE);

  private static final String SPECIAL_TOKEN =
      """
      {"single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}
      """;

  private CharacterTokenizer() {}

  /**
   * The file's content.
   *
   * @param imageToken the id of {@code <image>}; ids below it are the vocabulary, the next one is
   *     padding
   */
  static ObjectNode of(int imageToken) {
    ObjectNode file = ConfigFiles.json(FILE);
    special(file, 0, "<unk>");
    special(file, 1, "<s>");
    special(file, 2, "</s>");
    special(file, imageToken, "<image>");
    special(file, imageToken + 1, "<pad>");
    ObjectNode vocabulary = file.withObject("/model/vocab");
    vocabulary.put("<unk>", 0).put("<s>", 1).put("</s>", 2);
    IntStream.range(0, 256).forEach(b -> vocabulary.put("<0x%02X>".formatted(b), 3 + b));
    vocabulary.put(SPACE, vocabulary.size());
    IntStream.rangeClosed('!', '~')
        .forEach(c -> vocabulary.put(Character.toString(c), vocabulary.size()));
    while (vocabulary.size() < imageToken) {
      vocabulary.put(SPACE + "w" + vocabulary.size(), vocabulary.size());
    }
    return file;
  }

  private static void special(ObjectNode file, int id, String content) {
    file.withArray("added_tokens")
        .add(ConfigFiles.json(SPECIAL_TOKEN).put("id", id).put("content", content));
  }
}
