package org.pyramiddrop.bench.checkpoint;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.loader.VisionConfig;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The JSON files beside a LLaVA checkpoint's tensors, as Hugging Face lays them out. */
final class ConfigFiles {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private static final String PREPROCESSOR =
      """
      {"do_center_crop": true, "do_convert_rgb": true, "do_normalize": true, "do_rescale": true,
       "do_resize": true, "resample": 3,
       "image_mean": [0.48145466, 0.4578275, 0.40821073],
       "image_std": [0.26862954, 0.26130258, 0.27577711]}
      """;

  private static final String PROCESSOR =
      """
      {"image_token": "<image>", "num_additional_image_tokens": 1,
       "vision_feature_select_strategy": "default"}
      """;

  private static final String TOKENIZER =
      """
      {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": true, "add_eos_token": false,
       "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
       "image_token": "<image>"}
      """;

  /**
   * Vicuna's, as LLaVA-1.5 has it: images of a turn first, then its words, under the role in
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
    VisionConfig vision = config.vision();
    // What transformers calls the family's classes by.
    String family = config.anyResolution() ? "LlavaNext" : "Llava";
    String processor = family + "Processor";
    write(folder, "config.json", config(config, family, dtype));
    ObjectNode generation =
        json("{\"bos_token_id\": 1}").put("pad_token_id", config.imageTokenId() + 1);
    generation.putPOJO("eos_token_id", config.text().endTokenIds());
    write(folder, "generation_config.json", generation);
    write(folder, "preprocessor_config.json", preprocessor(config));
    write(
        folder,
        "processor_config.json",
        json(PROCESSOR).put("processor_class", processor).put("patch_size", vision.patchSize()));
    write(folder, "tokenizer.json", CharacterTokenizer.of(config.imageTokenId()));
    write(
        folder,
        "tokenizer_config.json",
        json(TOKENIZER)
            .put("processor_class", processor)
            .put("model_max_length", config.text().maxPositions()));
    write(folder, "chat_template.json", Map.of("chat_template", CHAT_TEMPLATE));
  }

  static void write(Path folder, String name, Object content) {
    OutputFile.write(folder.resolve(name), List.of(MAPPER.writeValueAsString(content)));
  }

  static ObjectNode json(String text) {
    return (ObjectNode) MAPPER.readTree(text);
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
      file.set("image_grid_pinpoints", pinpoints(config));
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
    ObjectNode file = json(PREPROCESSOR).put("rescale_factor", 1.0 / 255);
    file.putObject("crop_size").put("height", side).put("width", side);
    file.putObject("size").put("shortest_edge", side);
    if (!config.anyResolution()) {
      return file.put("image_processor_type", "CLIPImageProcessor");
    }
    file.set("image_grid_pinpoints", pinpoints(config));
    return file.put("do_pad", true).put("image_processor_type", "LlavaNextImageProcessor");
  }

  /** Height before width, as everywhere in these files. */
  private static ArrayNode pinpoints(LlavaConfig config) {
    ArrayNode pinpoints = MAPPER.createArrayNode();
    config.pinpoints().forEach(p -> pinpoints.addArray().add(p.height()).add(p.width()));
    return pinpoints;
  }
}
