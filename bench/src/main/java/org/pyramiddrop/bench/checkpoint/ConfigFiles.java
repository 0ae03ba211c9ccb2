package org.pyramiddrop.bench.checkpoint;

import java.nio.file.Path;
import java.util.List;
import org.pyramiddrop.bench.OutputFile;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.loader.VisionConfig;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** The JSON files beside a LLaVA checkpoint's tensors, as Hugging Face lays them out. */
final class ConfigFiles {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

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
    write(folder, "config.json", config(config, dtype));
    write(folder, "generation_config.json", generation(config));
    write(folder, "preprocessor_config.json", preprocessor(config));
    write(folder, "processor_config.json", processor(config));
    write(folder, "tokenizer.json", CharacterTokenizer.of(config.imageTokenId()));
    write(folder, "tokenizer_config.json", tokenizer(config));
    write(folder, "chat_template.json", object().put("chat_template", CHAT_TEMPLATE));
  }

  static void write(Path folder, String name, JsonNode content) {
    OutputFile.write(folder.resolve(name), List.of(MAPPER.writeValueAsString(content)));
  }

  private static ObjectNode config(LlavaConfig config, DType dtype) {
    TextConfig text = config.text();
    VisionConfig vision = config.vision();
    ObjectNode file = object();
    file.putArray("architectures").add(family(config) + "ForConditionalGeneration");
    file.put("model_type", config.modelType()).put("image_token_index", config.imageTokenId());
    file.put("projector_hidden_act", config.projectorActivation());
    file.put("multimodal_projector_bias", config.projectorBias());
    file.put("tie_word_embeddings", config.tieWordEmbeddings());
    file.put("torch_dtype", dtype.label());
    ArrayNode layers = file.putArray("vision_feature_layer");
    config.visionFeatureLayers().forEach(layers::add);
    file.put("vision_feature_select_strategy", config.keepsClassToken() ? "full" : "default");
    if (config.anyResolution()) {
      pinpoints(file, config).put("use_image_newline_parameter", true);
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

  /** What transformers calls the family's classes by. */
  private static String family(LlavaConfig config) {
    return config.anyResolution() ? "LlavaNext" : "Llava";
  }

  /** Height before width, as everywhere in these files. */
  private static ObjectNode pinpoints(ObjectNode file, LlavaConfig config) {
    ArrayNode pinpoints = file.putArray("image_grid_pinpoints");
    for (Resolution pinpoint : config.pinpoints()) {
      pinpoints.addArray().add(pinpoint.height()).add(pinpoint.width());
    }
    return file;
  }

  private static ObjectNode generation(LlavaConfig config) {
    ObjectNode file =
        object().put("bos_token_id", 1).put("pad_token_id", config.imageTokenId() + 1);
    ArrayNode ends = file.putArray("eos_token_id");
    config.text().endTokenIds().forEach(ends::add);
    return file;
  }

  private static ObjectNode preprocessor(LlavaConfig config) {
    VisionConfig vision = config.vision();
    ObjectNode file = object();
    if (config.anyResolution()) {
      pinpoints(file, config).put("do_pad", true);
    }
    file.put(
        "image_processor_type",
        config.anyResolution() ? "LlavaNextImageProcessor" : "CLIPImageProcessor");
    file.putObject("crop_size").put("height", vision.imageSize()).put("width", vision.imageSize());
    file.putObject("size").put("shortest_edge", vision.imageSize());
    for (String step :
        new String[] {"center_crop", "convert_rgb", "normalize", "rescale", "resize"}) {
      file.put("do_" + step, true);
    }
    file.put("resample", 3).put("rescale_factor", 1.0 / 255);
    file.putArray("image_mean").add(0.48145466).add(0.4578275).add(0.40821073);
    file.putArray("image_std").add(0.26862954).add(0.26130258).add(0.27577711);
    return file;
  }

  private static ObjectNode processor(LlavaConfig config) {
    return object()
        .put("processor_class", family(config) + "Processor")
        .put("image_token", "<image>")
        .put("num_additional_image_tokens", 1)
        .put("patch_size", config.vision().patchSize())
        .put("vision_feature_select_strategy", "default");
  }

  private static ObjectNode tokenizer(LlavaConfig config) {
    return object()
        .put("tokenizer_class", "PreTrainedTokenizerFast")
        .put("processor_class", family(config) + "Processor")
        .put("add_bos_token", true)
        .put("add_eos_token", false)
        .put("bos_token", "<s>")
        .put("eos_token", "</s>")
        .put("unk_token", "<unk>")
        .put("pad_token", "<pad>")
        .put("image_token", "<image>")
        .put("model_max_length", config.text().maxPositions());
  }

  private static ObjectNode object() {
    return JsonNodeFactory.instance.objectNode();
  }
}
