package org.pyramiddrop.transformer.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.loader.DecoderDescription;

/**
 * The weights of one LLaMA layer.
 *
 * @param qkv query, key and value projections, stacked
 * @param gateUp both halves of the gated feed-forward, stacked
 */
public record DecoderLayer(
    Weight inputNorm,
    Weight qkv,
    @Nullable Weight qkvBias,
    Weight out,
    @Nullable Weight outBias,
    Weight postNorm,
    Weight gateUp,
    Weight down) {

  /** How many matrices {@link #load} reads. */
  static final int MATRICES = 7;

  public static DecoderLayer load(WeightStore store, String prefix, DecoderDescription config) {
    Heads heads = new Heads(config.heads(), config.keyValueHeads(), config.headSize());
    int hidden = config.hiddenSize();
    int inner = config.intermediateSize();
    int q = heads.queryColumns();
    int kv = heads.keyValueColumns();
    String a = prefix + "self_attn.";
    String m = prefix + "mlp.";
    return new DecoderLayer(
        store.vector(prefix + "input_layernorm.weight", hidden),
        store.layerMatrix(
            config.quantization(),
            new WeightStore.Matrix(a + "q_proj.weight", q, hidden),
            new WeightStore.Matrix(a + "k_proj.weight", kv, hidden),
            new WeightStore.Matrix(a + "v_proj.weight", kv, hidden)),
        config.attentionBias()
            ? store.vectors(
                List.of(a + "q_proj.bias", a + "k_proj.bias", a + "v_proj.bias"), q, kv, kv)
            : null,
        store.layerMatrix(
            config.quantization(), new WeightStore.Matrix(a + "o_proj.weight", hidden, q)),
        config.attentionBias() ? store.vector(a + "o_proj.bias", hidden) : null,
        store.vector(prefix + "post_attention_layernorm.weight", hidden),
        store.layerMatrix(
            config.quantization(),
            new WeightStore.Matrix(m + "gate_proj.weight", inner, hidden),
            new WeightStore.Matrix(m + "up_proj.weight", inner, hidden)),
        store.layerMatrix(
            config.quantization(), new WeightStore.Matrix(m + "down_proj.weight", hidden, inner)));
  }
}
