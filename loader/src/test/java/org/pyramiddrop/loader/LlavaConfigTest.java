package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.loader.StoredQuantization.Layout;

class LlavaConfigTest {
  @TempDir Path folder;

  private LlavaConfig read(String json) throws IOException {
    Files.writeString(folder.resolve("config.json"), json.replace('\'', '"'));
    return LlavaConfig.read(folder);
  }

  private LlavaConfig readText(String fields) throws IOException {
    return read("{'model_type':'llava','text_config':{" + fields + "}}");
  }

  private void assertRefused(String json, String... said) {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> read(json))
        .satisfies(e ->
            assertThat(e)
                .hasMessageStartingWith(folder.resolve("config.json") + ": ")
                .hasMessageContainingAll(said))
        .satisfies(e -> assertThat(e).message().hasLineCount(1));
  }

  @Test
  void readsTheSparseConfigOfLlava15() throws IOException {
    LlavaConfig config =
        read(
            """
            {'architectures': ['LlavaForConditionalGeneration'], 'ignore_index': -100, 'image_token_index': 32000,
             'model_type': 'llava', 'pad_token_id': 32001, 'projector_hidden_act': 'gelu',
             'text_config': {'_name_or_path': 'lmsys/vicuna-7b-v1.5', 'max_position_embeddings': 4096,
               'model_type': 'llama', 'rms_norm_eps': 1e-05, 'torch_dtype': 'float16', 'vocab_size': 32064},
             'tie_word_embeddings': false, 'torch_dtype': 'float16',
             'vision_config': {'hidden_size': 1024, 'image_size': 336, 'intermediate_size': 4096,
               'model_type': 'clip_vision_model', 'num_attention_heads': 16, 'num_hidden_layers': 24,
               'patch_size': 14, 'projection_dim': 768, 'vocab_size': 32000},
             'vision_feature_layer': -2, 'vision_feature_select_strategy': 'default', 'vocab_size': 32064}
            """);
    assertThat(config.modelType()).isEqualTo("llava");
    assertThat(config.vision())
        .isEqualTo(new VisionConfig(1024, 4096, 24, 16, 336, 14, 3, 1e-5f, "quick_gelu"));
    assertThat(config.vision().patches()).isEqualTo(576);
    assertThat(config.text())
        .isEqualTo(
            new TextConfig(
                "llama", 4096, 11008, 32, 32, 32, 128, 32064, 4096, 1e-5f, 10000.0, "silu", false,
                false, false, Set.of(2)));
    assertThat(config.imageTokenId()).isEqualTo(32000);
    assertThat(config.visionFeatureLayers()).containsExactly(-2);
    assertThat(config.keepsClassToken()).isFalse();
    assertThat(config.projectorActivation()).isEqualTo("gelu");
    assertThat(config.projectorBias()).isTrue();
    assertThat(config.tieWordEmbeddings()).isFalse();
  }

  @Test
  void readsLlavaNextOnMistral() throws IOException {
    LlavaConfig config =
        read(
            """
            {'model_type': 'llava_next', 'image_token_index': 32000,
             'text_config': {'model_type': 'mistral', 'intermediate_size': 14336, 'max_position_embeddings': 32768,
               'num_key_value_heads': 8, 'rms_norm_eps': 1e-05, 'rope_theta': 1000000.0, 'sliding_window': null,
               'vocab_size': 32064},
             'vision_config': {'hidden_size': 1024, 'image_size': 336, 'intermediate_size': 4096,
               'num_attention_heads': 16, 'num_hidden_layers': 24, 'patch_size': 14}}
            """);
    assertThat(config.modelType()).isEqualTo("llava_next");
    assertThat(config.text().keyValueHeads()).isEqualTo(8);
    assertThat(config.text().ropeTheta()).isEqualTo(1e6);
    assertThat(config.text().maxPositions()).isEqualTo(32768);
    assertThat(config.anyResolution()).isTrue();
    assertThat(config.pinpoints())
        .containsExactly(
            new Resolution(336, 672),
            new Resolution(672, 336),
            new Resolution(672, 672),
            new Resolution(1008, 336),
            new Resolution(336, 1008));
  }

  @Test
  void readsTheResolutionsOfLlavaNextOnly() throws IOException {
    String pinpoints = "'image_grid_pinpoints':[[336,672],[1008,1008]]}";
    assertThat(read("{'model_type':'llava_next'," + pinpoints).pinpoints())
        .containsExactly(new Resolution(336, 672), new Resolution(1008, 1008));
    LlavaConfig llava = read("{'model_type':'llava'," + pinpoints);
    assertThat(llava.pinpoints()).isEmpty();
    assertThat(llava.anyResolution()).isFalse();
  }

  @Test
  void fillsInWhatTransformersWouldForAnEmptyConfig() throws IOException {
    LlavaConfig config = read("{'model_type':'llava'}");
    assertThat(config.vision())
        .isEqualTo(new VisionConfig(1024, 4096, 24, 16, 336, 14, 3, 1e-5f, "quick_gelu"));
    assertThat(config.text().maxPositions()).isEqualTo(2048);
    assertThat(config.text().vocabSize()).isEqualTo(32000);
    assertThat(config.text().rmsNormEps()).isEqualTo(1e-6f);
    assertThat(config.visionFeatureLayers()).containsExactly(-2);
  }

  @Test
  void fillsInClipsOwnDefaultsForASparseVisionConfig() throws IOException {
    assertThat(read("{'model_type':'llava','vision_config':{'patch_size':16}}").vision())
        .isEqualTo(new VisionConfig(768, 3072, 12, 12, 224, 16, 3, 1e-5f, "quick_gelu"));
  }

  @Test
  void fillsInMistralsDefaults() throws IOException {
    TextConfig text = readText("'model_type':'mistral','sliding_window':null").text();
    assertThat(text.intermediateSize()).isEqualTo(14336);
    assertThat(text.keyValueHeads()).isEqualTo(8);
    assertThat(text.maxPositions()).isEqualTo(131072);
    assertThat(
            readText("'model_type':'mistral','sliding_window':null,'num_key_value_heads':null")
                .text()
                .keyValueHeads())
        .isEqualTo(32);
  }

  @Test
  void derivesHeadSizeUnlessItIsGiven() throws IOException {
    assertThat(readText("'hidden_size':96,'num_attention_heads':6").text().headSize())
        .isEqualTo(16);
    assertThat(readText("'hidden_size':96,'num_attention_heads':6").text().keyValueHeads())
        .isEqualTo(6);
    assertThat(
            readText("'hidden_size':100,'num_attention_heads':6,'head_dim':32").text().headSize())
        .isEqualTo(32);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'rope_theta':5e5 | 500000",
        "'rope_parameters':{'rope_theta':70000.0,'rope_type':'default'} | 70000",
        "'rope_theta':5,'rope_parameters':{'rope_theta':70000.0} | 70000",
        "'rope_theta':5,'rope_parameters':{} | 5",
        "'rope_scaling':null,'rope_theta':6 | 6",
        "'rope_scaling':{'type':'default'} | 10000",
      })
  void readsTheRotaryBaseFromEitherPlace(String fields, double theta) throws IOException {
    assertThat(readText(fields.replace("\"", "'")).text().ropeTheta()).isEqualTo(theta);
  }

  @Test
  void readsBiasesAndTiedEmbeddings() throws IOException {
    LlavaConfig config =
        readText("'attention_bias':true,'mlp_bias':true,'tie_word_embeddings':true");
    assertThat(config.text().attentionBias()).isTrue();
    assertThat(config.text().mlpBias()).isTrue();
    assertThat(config.tieWordEmbeddings()).isTrue();
    assertThat(read("{'model_type':'llava','tie_word_embeddings':true}").tieWordEmbeddings())
        .isTrue();
    assertThat(read("{'model_type':'llava','multimodal_projector_bias':false}").projectorBias())
        .isFalse();
  }

  @Test
  void readsSeveralFeatureLayersAndTheFullStrategy() throws IOException {
    LlavaConfig config =
        read(
            "{'model_type':'llava','vision_feature_layer':[-2,-5,24,0],'vision_feature_select_strategy':'full'}");
    assertThat(config.visionFeatureLayers()).isEqualTo(List.of(-2, -5, 24, 0));
    assertThat(config.keepsClassToken()).isTrue();
  }

  @Test
  void readsTheImageTokenUnderEitherName() throws IOException {
    assertThat(read("{'model_type':'llava','image_token_id':4}").imageTokenId()).isEqualTo(4);
    assertThat(read("{'model_type':'llava','image_token_index':5}").imageTokenId()).isEqualTo(5);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "'text_config':{'rope_scaling':{'type':'linear','factor':2}} | text_config.rope_scaling |"
            + " 'linear' rotary",
        "'text_config':{'rope_parameters':{'rope_type':'llama3'}} | text_config.rope_parameters |"
            + " 'llama3' rotary",
        "'text_config':{'rope_parameters':{'partial_rotary_factor':0.5}} | partial_rotary_factor |"
            + " whole heads",
        "'text_config':{'model_type':'mistral'} | text_config.sliding_window | last 4096 of"
            + " max_position_embeddings = 131072",
        "'text_config':{'model_type':'mistral','sliding_window':100} | sliding_window = 100 | isn't"
            + " supported",
        "'text_config':{'model_type':'qwen2'} | text_config.model_type | llama, mistral",
        "'text_config':{'hidden_act':'gelu'} | text_config.hidden_act | silu",
        "'text_config':{'hidden_size':100} | num_attention_heads | must divide hidden_size = 100",
        "'text_config':{'num_key_value_heads':5} | num_key_value_heads | must divide"
            + " num_attention_heads = 32",
        "'text_config':{'head_dim':33} | head_dim | even",
        "'text_config':{'num_hidden_layers':0} | text_config.num_hidden_layers = 0 | positive",
        "'text_config':{'num_hidden_layers':'2'} | text_config.num_hidden_layers | integer",
        "'text_config':{'num_hidden_layers':2.5} | text_config.num_hidden_layers | integer",
        "'text_config':{'vocab_size':3000000000} | text_config.vocab_size | integer",
        "'text_config':{'rms_norm_eps':'x'} | text_config.rms_norm_eps | number",
        "'text_config':{'rms_norm_eps':-1} | text_config.rms_norm_eps | positive",
        "'text_config':{'attention_bias':1} | text_config.attention_bias | true or false",
        "'text_config':{'eos_token_id':'x'} | text_config.eos_token_id | integer",
        "'text_config':{'eos_token_id':[]} | text_config.eos_token_id | token id",
        "'text_config':[] | text_config | object",
        "'vision_config':{'model_type':'siglip_vision_model'} | vision_config.model_type |"
            + " clip_vision_model",
        "'vision_config':{'hidden_act':'gelu_new'} | vision_config.hidden_act | quick_gelu, gelu",
        "'vision_config':{'num_attention_heads':7} | num_attention_heads | must divide hidden_size"
            + " = 768",
        "'vision_config':{'num_channels':1} | num_channels | 3",
        "'vision_config':{'image_size':[336,336]} | image_size | integer",
        "'vision_config':{'image_size':8} | patch_size | larger than image_size = 8",
        "'vision_feature_select_strategy':'cls' | vision_feature_select_strategy | default, full",
        "'vision_feature_layer':-26 | vision_feature_layer = -26 | 25 hidden states",
        "'vision_feature_layer':25 | vision_feature_layer = 25 | 25 hidden states",
        "'vision_feature_layer':[] | vision_feature_layer | hidden states",
        "'projector_hidden_act':'relu' | projector_hidden_act | gelu",
        "'image_token_index':-1 | image_token_index | token id",
      })
  void refusesWhatItCannotRun(String fields, String key, String rule) {
    assertRefused("{'model_type':'llava'," + fields + "}", key, rule);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "'image_grid_pinpoints':[[336,672],[336,671]] | image_grid_pinpoints | image_size = 336",
        "'image_grid_pinpoints':[[300,672]] | image_grid_pinpoints | image_size = 336",
        "'image_grid_pinpoints':[] | image_grid_pinpoints | image_size = 336",
        "'image_grid_pinpoints':[[0,336]] | image_grid_pinpoints | pairs of positive integers",
        "'image_grid_pinpoints':[[336,336,336]] | image_grid_pinpoints | height before width",
        "'image_grid_pinpoints':[336] | image_grid_pinpoints | height before width",
        "'image_grid_pinpoints':'(1x1),...,(6x6)' | image_grid_pinpoints | list",
        "'vision_feature_select_strategy':'full' | vision_feature_select_strategy | no class token",
      })
  void refusesWhatLlavaNextCannotRun(String fields, String key, String rule) {
    assertRefused("{'model_type':'llava_next'," + fields + "}", key, rule);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'model_type':'llava_onevision'}",
        "{'model_type':'llama'}",
        "{}",
        "{'model_type':1}"
      })
  void refusesAnotherKindOfModel(String json) {
    assertRefused(json, "model_type");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{'a':1,'a':2}", "{'model_type':'llava'}}", "{'model_type':"})
  void refusesAFileThatIsNoJsonObject(String json) {
    assertRefused(json, "JSON");
  }

  @Test
  void saysWhichFileIsMissing() {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> LlavaConfig.read(folder))
        .withMessage(folder.resolve("config.json") + ": no such file");
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> LlavaConfig.read(folder.resolve("none")))
        .withMessage(folder.resolve("none") + ": no such folder");
  }

  @Test
  void takesEndTokensFromTheGenerationConfigFirst() throws IOException {
    LlavaConfig config =
        read("{'model_type':'llava','eos_token_id':7,'text_config':{'eos_token_id':[5,6]}}");
    assertThat(StopTokens.read(folder, config)).containsExactly(5, 6);
    Files.writeString(folder.resolve("generation_config.json"), "{\"bos_token_id\":1}");
    assertThat(StopTokens.read(folder, config)).containsExactly(5, 6);
    Files.writeString(
        folder.resolve("generation_config.json"), "{\"eos_token_id\":[128009,128001,128008]}");
    assertThat(StopTokens.read(folder, config)).containsExactly(128009, 128001, 128008);
    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\":3}");
    assertThat(StopTokens.read(folder, config)).containsExactly(3);
  }

  @Test
  void takesEndTokensFromTheOuterConfigOrTheFamily() throws IOException {
    assertThat(StopTokens.read(folder, read("{'model_type':'llava','eos_token_id':7}")))
        .containsExactly(7);
    assertThat(StopTokens.read(folder, read("{'model_type':'llava'}"))).containsExactly(2);
  }

  @Test
  void refusesABrokenGenerationConfig() throws IOException {
    LlavaConfig config = read("{'model_type':'llava'}");
    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\":[-1]}");
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> StopTokens.read(folder, config))
        .withMessageContaining("generation_config.json")
        .withMessageContaining("eos_token_id");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'quantization_config':{'quant_method':'bitsandbytes','bits':4}",
        "'text_config':{'quantization_config':{'quant_method':'bitsandbytes'}}",
        "'vision_config':{'quantization_config':{'quant_method':'bitsandbytes'}}",
        "'mm_vision_tower':'openai/clip-vit-large-patch14','quantization_config':{'quant_method':'bitsandbytes'}"
      })
  void refusesQuantisedWeightsByTheNameOfTheirMethod(String fields) {
    assertRefused(
        "{'model_type':'llava'," + fields + "}",
        "quantization_config",
        "quant_method bitsandbytes");
  }

  @ParameterizedTest
  @ValueSource(strings = {"fp8", "fbgemm_fp8", "modelopt"})
  void refusesEightBitFloatsOfOtherMethods(String method) {
    assertRefused(
        "{'model_type':'llava','quantization_config':{'quant_method':'%s','fmt':'e4m3'}}"
            .formatted(method),
        "quantization_config",
        "quant_method " + method,
        "--weights int8, int4 or fp8");
  }

  private static String compressed(String format, String weights, String more) {
    return "{'model_type':'llava','quantization_config':{'quant_method':'compressed-tensors',"
        + "'format':'%s','config_groups':{'group_0':{'targets':['Linear'],'weights':{%s}%s}}}}"
            .formatted(format, weights, more);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "float-quantized | channel | 0 | 8-bit floats in whole rows (float-quantized)",
        "naive-quantized | channel | 0 | 8-bit floats in whole rows (float-quantized)",
        "float-quantized | tensor | -1 | 8-bit floats in whole matrices (float-quantized)",
      })
  void takesEightBitFloats(String format, String strategy, int group, String label)
      throws IOException {
    String weights = "'num_bits':8,'type':'float','symmetric':true,'strategy':'" + strategy + "'";
    for (String activations :
        List.of(
            "",
            ",'input_activations':null",
            ",'input_activations':{'num_bits':8,'type':'float','strategy':'token','dynamic':true}",
            ",'input_activations':{'num_bits':8,'type':'float','strategy':'tensor','dynamic':false}")) {
      StoredQuantization stored =
          read(compressed(format, weights, activations)).quantization().orElseThrow();
      assertThat(stored).isEqualTo(new StoredQuantization(Layout.FLOAT_QUANTIZED, 8, group, true));
      assertThat(stored.label()).isEqualTo(label);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "float-quantized | 'num_bits':8,'type':'float','strategy':'block' | strategy",
        "float-quantized | 'num_bits':8,'type':'float','strategy':'group','group_size':128 | strategy",
        "float-quantized | 'num_bits':8,'type':'float' | strategy",
        "float-quantized | 'num_bits':4,'type':'float','strategy':'tensor' | num_bits",
        "float-quantized | 'num_bits':8,'type':'float','strategy':'tensor','symmetric':false | symmetric",
        "float-quantized | 'num_bits':8,'type':'int','strategy':'channel' | type",
        "float-quantized | 'num_bits':8,'strategy':'channel' | type",
        "int-quantized | 'num_bits':8,'type':'float','strategy':'channel' | type",
        "pack-quantized | 'num_bits':8,'type':'float','strategy':'channel' | type",
        "nvfp4-pack-quantized | 'num_bits':4,'type':'float','strategy':'tensor_group' | format",
        "int-quantized | 'num_bits':8,'type':'int','strategy':'tensor' | strategy",
      })
  void refusesOtherEightBitFloatsByTheirField(String format, String weights, String field) {
    assertRefused(
        compressed(format, weights, ""), "quantization_config.", field, "isn't supported");
  }

  @Test
  void countsNoParametersOfScales() {
    StoredQuantization stored = new StoredQuantization(Layout.FLOAT_QUANTIZED, 8, 0, true);
    for (String beside : List.of("weight_scale", "input_scale")) {
      StoredTensor tensor =
          new StoredTensor(
              "layers.0.q_proj." + beside,
              StoredType.F32,
              List.of(3L),
              MemorySegment.ofArray(new byte[12]));
      assertThat(stored.parameters(tensor)).as(beside).isZero();
    }
    StoredTensor numbers =
        new StoredTensor(
            "layers.0.q_proj.weight",
            StoredType.F8_E4M3,
            List.of(3L, 4L),
            MemorySegment.ofArray(new byte[12]));
    assertThat(stored.parameters(numbers)).isEqualTo(12);
  }

  @Test
  void refusesQuantisedWeightsOfNoNamedMethodAndTakesNullForNone() throws IOException {
    assertRefused(
        "{'model_type':'llava','quantization_config':{'bits':4}}",
        "quantization_config",
        "quant_method unnamed");
    assertThat(read("{'model_type':'llava','quantization_config':null}").modelType())
        .isEqualTo("llava");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'rope_scaling':{'type':'linear','factor':1.0}",
        "'rope_scaling':{'rope_type':'linear','factor':1}",
        "'rope_parameters':{'rope_type':'linear','factor':1.0,'rope_theta':10000.0}",
        "'rope_scaling':{'type':'dynamic','factor':1.0}",
        "'rope_parameters':{'rope_type':'llama3','factor':1.0,'low_freq_factor':1.0,'high_freq_factor':4.0,'original_max_position_embeddings':8192}"
      })
  void takesAFactorOfOneForNoScaling(String fields) throws IOException {
    assertThat(readText(fields)).isEqualTo(readText(""));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'rope_scaling':{'type':'linear','factor':2.0}",
        "'rope_scaling':{'type':'linear'}",
        "'rope_scaling':{'type':'yarn','factor':1.0,'attention_factor':2.0}",
        "'rope_parameters':{'rope_type':'longrope','factor':1.0}"
      })
  void refusesRotaryScalingThatScales(String fields) {
    assertRefused(
        "{'model_type':'llava','text_config':{" + fields + "}}", "rotary scaling", "text_config");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "text_config | rms_norm_eps | 1e300",
        "text_config | rms_norm_eps | 1e-60",
        "text_config | rms_norm_eps | 1e-40",
        "text_config | rms_norm_eps | 2",
        "text_config | rope_theta | 1e300",
        "text_config | rope_theta | 1e-300",
        "text_config | max_position_embeddings | 2147483647",
        "text_config | max_position_embeddings | 20000000",
        "text_config | hidden_size | 2147483646",
        "text_config | intermediate_size | 2147483647",
        "text_config | num_hidden_layers | 2147483647",
        "text_config | vocab_size | 2147483647",
        "text_config | head_dim | 1073741824",
        "text_config | head_dim | 1048576",
        "text_config | head_dim | 65536",
        "vision_config | layer_norm_eps | 1e300",
        "vision_config | layer_norm_eps | 1e-60",
        "vision_config | hidden_size | 2147483640",
        "vision_config | intermediate_size | 2147483647",
        "vision_config | num_hidden_layers | 2147483647",
        "vision_config | image_size | 2147483647",
        "vision_config | image_size | 13000",
      })
  void refusesNumbersThatMeanNothing(String part, String key, String value) {
    assertRefused(
        "{'model_type':'llava','%s':{'%s':%s%s}}"
            .formatted(part, key, value, key.equals("image_size") ? ",'patch_size':1" : ""),
        part + "." + key + " = " + value);
  }

  @Test
  void refusesAProjectorInputThatOverflows() {
    assertRefused(
        "{'model_type':'llava','vision_feature_layer':[" + "-2,".repeat(100_000) + "-2]}",
        "vision_feature_layer",
        "…");
  }

  @ParameterizedTest
  @CsvSource({
    "image_token_index, 7, 9",
    "image_token_id, 7, 9",
    "image_token_index, 7,",
  })
  void refusesAnImageTokenThatIsNotTheTokenizersWithBothIds(
      String key, int configured, @Nullable Integer known) throws IOException {
    LlavaConfig config = read("{'model_type':'llava','" + key + "':" + configured + "}");
    OptionalInt id = known == null ? OptionalInt.empty() : OptionalInt.of(known);
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> config.checkImageToken(folder, "<image>", id))
        .withMessageStartingWith(folder.resolve("config.json") + ": " + key + " = " + configured)
        .withMessageContaining("'<image>'" + (known == null ? "" : " is " + known))
        .withMessageContaining("tokenizer.json");
  }

  @Test
  void takesTheImageTokenThatConfigAndTokenizerAgreeOn() throws IOException {
    read("{'model_type':'llava','image_token_index':7}")
        .checkImageToken(folder, "<image>", OptionalInt.of(7));
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() ->
            read("{'model_type':'llava'}").checkImageToken(folder, "<image>", OptionalInt.of(7)))
        .withMessageContaining("(absent) makes 32000")
        .withMessageContaining("'<image>' is 7");
    // The original layout's number only holds the place.
    read("{'model_type':'llava_llama','mm_vision_tower':'openai/clip-vit-large-patch14','mm_projector_type':'mlp2x_gelu','mm_vision_select_layer':-2}")
        .checkImageToken(folder, "<image>", OptionalInt.empty());
  }
}
