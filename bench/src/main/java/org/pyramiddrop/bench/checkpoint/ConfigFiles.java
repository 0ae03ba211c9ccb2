package org.pyramiddrop.bench.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.report.JsonFile;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The JSON files beside a LLaVA checkpoint's tensors, as Hugging Face lays them out: those of
 * {@code files.json}, where {@code $/text/layers} stands for what a {@link LlavaConfig} has there.
 *
 * <p>The tokenizer has learnt no language: it has a token for each printable ASCII character,
 * LLaMA's 256 byte tokens for everything else, and made-up words for the other ids, so that
 * whatever a random model says can be written down. Its chat template is Vicuna's, as LLaVA-1.5 has
 * it: images of a turn first, then its words, under the role in capitals.
 */
final class ConfigFiles {
  /** Special tokens, bytes, the space and printable characters need so many ids. */
  static final int LEAST_TOKENS = 3 + 256 + 1 + 94;

  private static final String SPACE = "▁";
  private static final Pattern VALUE = Pattern.compile("\\$((?:/\\w+)+)");

  private ConfigFiles() {}

  static void write(Path folder, LlavaConfig config, DType dtype) {
    ObjectNode values = values(config).put("dtype", dtype.label());
    ObjectNode files = (ObjectNode) JsonMapper.shared().readTree(filled("files.json", values));
    if (!config.anyResolution()) {
      files
          .withObject("config.json")
          .remove(List.of("image_grid_pinpoints", "use_image_newline_parameter"));
      files
          .withObject("preprocessor_config.json")
          .remove(List.of("image_grid_pinpoints", "do_pad"));
    }
    addVocabulary(files.withObject("tokenizer.json").withObject("/model/vocab"), config);
    files
        .properties()
        .forEach(file -> JsonFile.write(folder.resolve(file.getKey()), file.getValue()));
  }

  /** A resource with values in the place of their names. */
  static String filled(String resource, ObjectNode values) {
    try (InputStream in = ConfigFiles.class.getResourceAsStream(resource)) {
      return VALUE
          .matcher(new String(Objects.requireNonNull(in).readAllBytes(), UTF_8))
          .replaceAll(
              value -> Matcher.quoteReplacement(values.requiredAt(value.group(1)).toString()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What the configuration says, and what follows from it. */
  static ObjectNode values(LlavaConfig config) {
    boolean next = config.anyResolution();
    // What transformers calls the family's classes by.
    String family = next ? "LlavaNext" : "Llava";
    ObjectNode values = JsonMapper.shared().valueToTree(config);
    // Height before width, as everywhere in these files.
    values.putPOJO(
        "pinpoints", config.pinpoints().stream().map(p -> List.of(p.height(), p.width())).toList());
    return values
        .put("architecture", family + "ForConditionalGeneration")
        .put("processor", family + "Processor")
        .put("imageProcessor", next ? "LlavaNextImageProcessor" : "CLIPImageProcessor")
        .put("selectStrategy", config.keepsClassToken() ? "full" : "default")
        .put("padTokenId", config.imageTokenId() + 1)
        .put("features", config.vision().hiddenSize() * config.visionFeatureLayers().size())
        .put("positions", config.vision().patches() + 1)
        .put("queries", config.text().heads() * config.text().headSize())
        .put("keys", config.text().keyValueHeads() * config.text().headSize());
  }

  /** Ids below the image's token are the vocabulary; the one behind it is padding. */
  private static void addVocabulary(ObjectNode vocabulary, LlavaConfig config) {
    vocabulary.put("<unk>", 0).put("<s>", 1).put("</s>", 2);
    IntStream.range(0, 256).forEach(b -> vocabulary.put("<0x%02X>".formatted(b), 3 + b));
    vocabulary.put(SPACE, vocabulary.size());
    IntStream.rangeClosed('!', '~')
        .forEach(c -> vocabulary.put(Character.toString(c), vocabulary.size()));
    while (vocabulary.size() < config.imageTokenId()) {
      vocabulary.put(SPACE + "w" + vocabulary.size(), vocabulary.size());
    }
  }
}
