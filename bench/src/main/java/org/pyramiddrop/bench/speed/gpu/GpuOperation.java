package org.pyramiddrop.bench.speed.gpu;

import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.speed.DeviceScratch;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/**
 * One operation of the model, of one size, that is timed alone.
 *
 * @param flops its arithmetic, two for each multiply-add; 0 where bytes are moved instead
 * @param own allocates what it needs and returns what runs it once with kernels of our own
 * @param cublas the plain product by which cuBLASLt does the same, or the most of it
 * @param request what PyTorch's side is asked for, if it has the same
 */
record GpuOperation(
    String name,
    double flops,
    Function<DeviceScratch, Runnable> own,
    @Nullable Product cublas,
    @Nullable Map<String, Object> request) {
  /** More than the caches of any GPU hold. */
  private static final long NO_CACHE_BYTES = 256 << 20;

  private static final int MOST_WEIGHTS = 6;

  /** The operations of LLaVA-1.5-7B that are worth a row. */
  static List<GpuOperation> of7B() {
    Heads heads = new Heads(32, 32, 128);
    return List.of(
        selection(576, 288, 4096),
        selection(2880, 1440, 4096),
        attention(636, heads),
        attention(1176, heads),
        attention(2940, heads),
        swiGlu(new Product(636, 4096, 11008)),
        linear("q, k, v projections", new Product(636, 4096, 3 * 4096)),
        linear("output projection", new Product(636, 4096, 4096)),
        linear("down projection", new Product(636, 11008, 4096)),
        by(DType.BFLOAT16, new Product(1, 4096, 2 * 11008)),
        by(DType.INT8, new Product(1, 4096, 2 * 11008)),
        by(DType.INT4, new Product(1, 4096, 2 * 11008)),
        by(DType.FP8, new Product(1, 4096, 2 * 11008)),
        by(DType.BFLOAT16, new Product(636, 4096, 2 * 11008)),
        by(DType.INT8, new Product(636, 4096, 2 * 11008)),
        by(DType.INT4, new Product(636, 4096, 2 * 11008)),
        by(DType.FP8, new Product(636, 4096, 2 * 11008)),
        by(DType.BFLOAT16, new Product(2988, 4096, 2 * 11008)),
        by(DType.FP8, new Product(2988, 4096, 2 * 11008)));
  }

  /** The same in sizes that an emulated device runs in a moment. */
  static List<GpuOperation> tiny() {
    return List.of(
        selection(20, 10, 64),
        attention(20, new Heads(2, 2, 64)),
        swiGlu(new Product(20, 64, 96)),
        linear("output projection", new Product(20, 64, 64)),
        by(DType.INT8, new Product(1, 64, 96)),
        by(DType.INT4, new Product(20, 64, 96)),
        by(DType.FP8, new Product(20, 64, 96)));
  }

  /** The choice of {@code keep} tokens by their scores, and the gathering of their rows. */
  static GpuOperation selection(int tokens, int keep, int columns) {
    return new GpuOperation(
        "top-k %d of %d + gather of %d columns".formatted(keep, tokens, columns),
        0,
        scratch -> {
          Tensor scores = scratch.random(DType.FLOAT32, 1, tokens);
          Tensor x = scratch.random(tokens, columns);
          Tensor out = scratch.empty(keep, columns);
          Indices rows = scratch.indices(keep);
          return () -> {
            scratch.kernels().selectTopK(scores, 0, tokens, keep, rows, 0);
            scratch.kernels().gatherRows(x, rows, out);
          };
        },
        null,
        null);
  }

  /** Causal attention over a whole prompt; only pairs of a query and a key it sees count. */
  static GpuOperation attention(int tokens, Heads heads) {
    return new GpuOperation(
        "attention, %d tokens".formatted(tokens),
        4.0 * heads.queryColumns() * tokens * (tokens + 1) / 2,
        scratch -> {
          Tensor q = scratch.random(tokens, heads.queryColumns());
          Tensor keys = scratch.random(tokens, heads.keyValueColumns());
          Tensor values = scratch.random(tokens, heads.keyValueColumns());
          Tensor out = scratch.empty(tokens, heads.queryColumns());
          return () -> scratch.kernels().attention(q, heads, keys, values, new Mask.Causal(), out);
        },
        null,
        Map.of("op", "attention", "tokens", tokens, "heads", heads.query(), "size", heads.size()));
  }

  /** A projection. A plain product goes to cuBLASLt; our kernel takes it where a GELU follows. */
  static GpuOperation linear(String layer, Product product) {
    return new GpuOperation(
        layer + " " + product,
        product.flops(),
        scratch -> scratch.product(product, Activation.QUICK_GELU).run(),
        product,
        request("linear", product));
  }

  /** A product of a decode step or a prefill by weights of some type, which lie in memory. */
  static GpuOperation by(DType weights, Product product) {
    return new GpuOperation(
        "product %s by %s".formatted(product, weights.label()),
        product.flops(),
        scratch -> {
          Tensor x = scratch.random(product.tokens(), product.inputs());
          Tensor out = scratch.empty(product.tokens(), product.outputs());
          int count = Math.toIntExact(NO_CACHE_BYTES / product.weightBytes(weights)) + 1;
          List<Weight> all =
              scratch.weights(
                  weights, product.outputs(), product.inputs(), Math.min(count, MOST_WEIGHTS));
          AtomicInteger next = new AtomicInteger();
          return () -> {
            Weight w = all.get(next.getAndIncrement() % all.size());
            scratch.kernels().linear(x, w, null, Activation.NONE, out);
          };
        },
        null,
        null);
  }

  /** Gate, up and SiLU; cuBLASLt's time is that of both products without the SiLU. */
  static GpuOperation swiGlu(Product product) {
    Product both = new Product(product.tokens(), product.inputs(), 2 * product.outputs());
    return new GpuOperation(
        "gate, up, SiLU " + product,
        both.flops(),
        scratch -> {
          Tensor x = scratch.random(both.tokens(), both.inputs());
          Weight gateUp = scratch.weight(both.outputs(), both.inputs());
          Tensor out = scratch.empty(product.tokens(), product.outputs());
          return () -> scratch.kernels().swiGlu(x, gateUp, out);
        },
        both,
        request("swiglu", product));
  }

  private static Map<String, Object> request(String op, Product product) {
    return Map.of(
        "op", op,
        "tokens", product.tokens(),
        "inputs", product.inputs(),
        "outputs", product.outputs());
  }
}
