package org.pyramiddrop.bench.checkpoint;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.OutputFile;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.loader.VisionConfig;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The JSON files beside a LLaVA checkpoint's tensors, as Hugging Face lays them out. */
final class ConfigFiles {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private static final String GENERATION =
      """
      {"bos_token_id": 1, "eos_token_id": %s, "pad_token_id": %d}
      """;

  private static final String PREPROCESSOR =
      """
      {"image_processor_type": "%1$sImageProcessor", "do_center_crop": true, "do_convert_rgb": true,
       "do_normalize": true, "do_rescale": true, "do_resize": true, "resample": 3,
       "crop_size": {"height": %2$d, "width": %2$d}, "size": {"shortest_edge": %2$d},
       "rescale_factor": 0.00392156862745098,
       "image_mean": [0.48145466, 0.4578275, 0.40821073],
       "image_std": [0.26862954, 0.26130258, 0.27577711]}
      """;

  private static final String PROCESSOR =
      """
      {"processor_class": "%sProcessor", "patch_size": %d, "image_token": "<image>",
       "num_additional_image_tokens": 1, "vision_feature_select_strategy": "default"}
      """;

  private static final String TOKENIZER =
      """
      {"tokenizer_class": "PreTrainedTokenizerFast", "processor_class": "%sProcessor",
       "add_bos_token": true, "add_eos_token": false, "bos_token": "<s>", "eos_token": "</s>",
       "unk_token": "<unk>", "pad_token": "<pad>", "image_token": "<image>",
       "model_max_length": %d}
      """;

  /**
   * Vicuna's, as LLaVA-1.5 has it: pictures of a turn first, then its words, under the role in
   * capitals.
   */
  private static final String CHAT_TEMPLATE =
      """
      {% for message in messages %}\
      {% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}\
      {# Render all images first #}\
      {% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}\
      {# Render all text next #}\
      {% for content in message['content'] | selectattr('type', 'equalto', 'text') %}\
      {{ content['text'] + ' ' }}{% endfor %}\
      {% endfor %}\
      {% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}\
      """;

  private ConfigFiles() {}

  static void write(Path folder, LlavaConfig config, DType dtype) {
    // What transformers calls the family's classes by.
    String family = config.anyResolution() ? "LlavaNext" : "Llava";
    int padding = config.imageTokenId() + 1;
    write(folder, "config.json", config(config, family, dtype));
    write(folder, "generation_config.json", json(GENERATION, config.text().endTokenIds(), padding));
    write(folder, "preprocessor_config.json", preprocessor(config));
    write(folder, "processor_config.json", json(PROCESSOR, family, config.vision().patchSize()));
    write(folder, "tokenizer.json", CharacterTokenizer.of(config.imageTokenId()));
    write(folder, "tokenizer_config.json", json(TOKENIZER, family, config.text().maxPositions()));
    write(folder, "chat_template.json", Map.of("chat_template", CHAT_TEMPLATE));
  }

  static void write(Path folder, String name, Object content) {
    OutputFile.write(folder.resolve(name), List.of(MAPPER.writeValueAsString(content)));
  }

  static ObjectNode json(String format, Object... values) {
    return (ObjectNode) MAPPER.readTree(format.formatted(values));
  }

  private static ObjectNode config(LlavaConfig config, String family, DType dtype) {
    TextConfig text = config.text();
    VisionConfig vision = config.vision();
    ObjectNode file = MAPPER.createObjectNode();
    file.putArray("architectures").add(family + "ForConditionalGeneration");
    file.put("model_type", config.modelType())
        .put("image_token_index", config.imageTokenId())
        .put("projector_hidden_act", config.projectorActivation())
        .put("multimodal_projector_bias", config.projectorBias())
        .put("tie_word_embeddings", config.tieWordEmbeddings())
        .put("torch_dtype", dtype.label())
        .putPOJO("vision_feature_layer", config.visionFeatureLayers())
        .put("vision_feature_select_strategy", config.keepsClassToken() ? "full" : "default");
    if (config.anyResolution()) {
      file.putPOJO("image_grid_pinpoints", pinpoints(config));
      file.put("use_image_newline_parameter", true);
    }
    file.putObject("text_config")
        .put("model_type", text.modelType())
        .put("hidden_size", text.hiddenSize())
        .put("intermediate_size", text.intermediateSize())
        .put("num_hidden_layers", text.layers())
        .put("num_attention_heads", text.heads())
        .put("num_key_value_heads", text.keyValueHeads())
        .put("head_dim", text.headSize())
        .put("vocab_size", text.vocabSize())
        .put("max_position_embeddings", text.maxPositions())
        .put("rms_norm_eps", text.rmsNormEps())
        .put("rope_theta", text.ropeTheta())
        .put("hidden_act", text.activation());
    file.putObject("vision_config")
        .put("model_type", "clip_vision_model")
        .put("hidden_size", vision.hiddenSize())
        .put("intermediate_size", vision.intermediateSize())
        .put("num_hidden_layers", vision.layers())
        .put("num_attention_heads", vision.heads())
        .put("image_size", vision.imageSize())
        .put("patch_size", vision.patchSize())
        .put("layer_norm_eps", vision.layerNormEps())
        .put("hidden_act", vision.activation());
    return file;
  }

  private static ObjectNode preprocessor(LlavaConfig config) {
    int side = config.vision().imageSize();
    return config.anyResolution()
        ? json(PREPROCESSOR, "LlavaNext", side)
            .put("do_pad", true)
            .putPOJO("image_grid_pinpoints", pinpoints(config))
        : json(PREPROCESSOR, "CLIP", side);
  }

  /** Height before width, as everywhere in these files. */
  private static List<List<Integer>> pinpoints(LlavaConfig config) {
    return config.pinpoints().stream().map(p -> List.of(p.height(), p.width())).toList();
  }
}
