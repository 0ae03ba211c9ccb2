package org.pyramiddrop.loader;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * How a folder's {@code config.json} says that its linear layers' matrices are quantised: whole
 * numbers with a scale, and for four bits a zero, for each group of a row's neighbours; or
 * eight-bit floats. Which layers are, their tensors say.
 *
 * @param layout how the numbers are packed
 * @param bits 4 or 8
 * @param groupSize neighbours of a row that share a scale, a multiple of 32; 0 if a whole row does,
 *     {@link #WHOLE_MATRIX} if all rows do
 * @param symmetric whether the zeros are in the middle and not stored
 */
public record StoredQuantization(Layout layout, int bits, int groupSize, boolean symmetric) {
  /** The group of a scale that a whole matrix shares; only eight-bit floats have one. */
  public static final int WHOLE_MATRIX = -1;

  private static final String KEY = "quantization_config";
  private static final int MULTIPLE = 32;

  /** What lies beside a matrix's numbers. */
  private static final Pattern BESIDE =
      Pattern.compile(
          ".*\\.(weight_(scale|zero_point|shape|g_idx)|input_scale|scales|qzeros|g_idx)");

  /** What the tensors are called and how they are packed. */
  public enum Layout {
    /** compressed-tensors' {@code pack-quantized}. */
    PACK_QUANTIZED,
    /** compressed-tensors' {@code int-quantized}: bytes as they are. */
    INT_QUANTIZED,
    /** compressed-tensors' {@code float-quantized}: eight-bit floats, E4M3. */
    FLOAT_QUANTIZED,
    /** AutoAWQ's {@code gemm}. */
    AWQ,
    /** GPTQ, whose stored zeros are one too small. */
    GPTQ,
    /** GPTQ with zeros as they are. */
    GPTQ_V2
  }

  /** What it is, in words. */
  public String label() {
    String group =
        switch (groupSize) {
          case 0 -> "whole rows";
          case WHOLE_MATRIX -> "whole matrices";
          default -> "groups of " + groupSize;
        };
    return "%s in %s (%s)"
        .formatted(
            layout == Layout.FLOAT_QUANTIZED ? "8-bit floats" : bits + " bits",
            group,
            layout.name().toLowerCase(Locale.ROOT).replace('_', '-'));
  }

  /** How many of a model's parameters a tensor holds: of scales and the like, none. */
  public long parameters(StoredTensor tensor) {
    String name = tensor.name();
    if (name.endsWith(".weight_packed") || name.endsWith(".qweight")) {
      return tensor.elements() * (Integer.SIZE / bits);
    }
    return BESIDE.matcher(name).matches() ? 0 : tensor.elements();
  }

  /**
   * Reads what a configuration says.
   *
   * @return empty if it says nothing
   * @throws CheckpointException if it says something that can't be read
   */
  static Optional<StoredQuantization> of(ConfigFields config) {
    if (!config.has(KEY)) {
      return Optional.empty();
    }
    String method = method(config);
    return Optional.of(
        switch (method) {
          case "compressed-tensors" -> compressed(config.object(KEY));
          case "awq" -> awq(config.object(KEY));
          case "gptq" -> gptq(config.object(KEY));
          default -> throw refusal(config, method);
        });
  }

  private static String method(ConfigFields config) {
    return config.isObject(KEY)
        ? config.object(KEY).text("quant_method").orElse("unnamed")
        : "unnamed";
  }

  /** Refuses a part of a model whose weights are quantised, such as a vision tower. */
  static void refuse(ConfigFields config) {
    if (config.has(KEY)) {
      throw refusal(config, method(config));
    }
  }

  private static CheckpointException refusal(ConfigFields config, String method) {
    return config.wrong(
        KEY,
        "says that the weights are quantised (quant_method %s), which isn't read there; take the model's float16 or bfloat16 weights, and --weights int8, int4 or fp8"
            .formatted(OneLine.shorten(method)));
  }

  private static StoredQuantization compressed(ConfigFields fields) {
    String format =
        fields.oneOf(
            "format",
            "",
            List.of("pack-quantized", "int-quantized", "float-quantized", "naive-quantized"));
    if (fields.has("kv_cache_scheme")) {
      throw fields.wrong("kv_cache_scheme", "isn't supported");
    }
    if (fields.has("sparsity_config") && fields.object("sparsity_config").has("format")) {
      fields.object("sparsity_config").oneOf("format", "dense", List.of("dense"));
    }
    List<ConfigFields> groups = fields.members("config_groups");
    if (groups.size() != 1) {
      throw fields.wrong("config_groups", "must be one group of layers");
    }
    ConfigFields weights = groups.getFirst().object("weights");
    List<String> types =
        switch (format) {
          case "float-quantized" -> List.of("float");
          case "naive-quantized" -> List.of("int", "float");
          default -> List.of("int");
        };
    if (weights.oneOf("type", "int", types).equals("float")) {
      return floats(weights);
    }
    int bits = bits(weights, "num_bits", 4, 8);
    String strategy = weights.oneOf("strategy", "", List.of("group", "channel"));
    if (weights.has("actorder") && !weights.text("actorder", "").equals("static")) {
      throw weights.wrong("actorder", "isn't supported");
    }
    boolean symmetric = weights.flag("symmetric", true);
    if (bits == 8 && !symmetric) {
      throw weights.wrong("symmetric", "isn't supported with 8 bits");
    }
    boolean packed = format.equals("pack-quantized");
    if (!packed && bits == 4) {
      throw weights.wrong("num_bits", "isn't supported in the format " + format);
    }
    return new StoredQuantization(
        packed ? Layout.PACK_QUANTIZED : Layout.INT_QUANTIZED,
        bits,
        strategy.equals("channel") ? 0 : groupSize(weights),
        symmetric);
  }

  /** Only E4M3 has this type and as many bits. */
  private static StoredQuantization floats(ConfigFields weights) {
    int bits = bits(weights, "num_bits", 8);
    String strategy = weights.oneOf("strategy", "", List.of("channel", "tensor"));
    if (!weights.flag("symmetric", true)) {
      throw weights.wrong("symmetric", "isn't supported with floats");
    }
    return new StoredQuantization(
        Layout.FLOAT_QUANTIZED, bits, strategy.equals("channel") ? 0 : WHOLE_MATRIX, true);
  }

  private static StoredQuantization awq(ConfigFields fields) {
    fields.oneOf("version", "gemm", List.of("gemm", "GEMM"));
    int bits = bits(fields, "bits", 4);
    return new StoredQuantization(
        Layout.AWQ, bits, groupSize(fields), !fields.flag("zero_point", true));
  }

  private static StoredQuantization gptq(ConfigFields fields) {
    String format = fields.oneOf("checkpoint_format", "gptq", List.of("gptq", "gptq_v2"));
    int bits = bits(fields, "bits", 4);
    return new StoredQuantization(
        format.equals("gptq") ? Layout.GPTQ : Layout.GPTQ_V2, bits, groupSize(fields), false);
  }

  private static int bits(ConfigFields fields, String key, Integer... supported) {
    int bits = fields.positive(key, 0);
    if (!List.of(supported).contains(bits)) {
      throw fields.wrong(key, "isn't supported; supported: " + List.of(supported));
    }
    return bits;
  }

  /** -1 is a whole row, as for all three. */
  private static int groupSize(ConfigFields fields) {
    int size = fields.integer("group_size", 0);
    if (size == -1) {
      return 0;
    }
    if (size <= 0 || size % MULTIPLE != 0) {
      throw fields.wrong("group_size", "must be a multiple of " + MULTIPLE + ", or -1");
    }
    return size;
  }
}
