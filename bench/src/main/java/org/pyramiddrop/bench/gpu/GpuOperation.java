package org.pyramiddrop.bench.gpu;

import java.util.List;
import java.util.Optional;
import org.pyramiddrop.bench.DeviceScratch;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** One operation of the model, of one size, that is timed alone. */
sealed interface GpuOperation {
  /** What stands in the table. */
  String name();

  /** Its arithmetic, two operations for each multiply-add; 0 where bytes are moved instead. */
  double flops();

  /** Allocates what it needs and returns what runs it once with kernels of our own. */
  Runnable own(Kernels kernels, DeviceScratch scratch);

  /** The plain product by which cuBLASLt does the same, or the most of it. */
  default Optional<Product> cublas() {
    return Optional.empty();
  }

  /** The request for PyTorch's side, where it is asked for the same. */
  default Optional<ObjectNode> request() {
    return Optional.empty();
  }

  /** A product of random numbers; without an activation cuBLASLt does it. */
  static Runnable product(
      Kernels kernels, DeviceScratch scratch, Product product, Activation activation) {
    Tensor x = scratch.random(product.tokens(), product.inputs());
    Weight w = scratch.weight(product.outputs(), product.inputs());
    Tensor out = scratch.empty(product.tokens(), product.outputs());
    return () -> kernels.linear(x, w, null, activation, out);
  }

  private static ObjectNode request(String op) {
    return JsonMapper.shared().createObjectNode().put("op", op);
  }

  /** The operations of LLaVA-1.5-7B that are worth a row. */
  static List<GpuOperation> of7B() {
    Heads heads = new Heads(32, 32, 128);
    return List.of(
        new Selection(576, 288, 4096),
        new Selection(2880, 1440, 4096),
        new Attention(636, heads),
        new Attention(1176, heads),
        new Attention(2940, heads),
        new SwiGlu(new Product(636, 4096, 11008)),
        new Linear("q, k, v projections", new Product(636, 4096, 3 * 4096)),
        new Linear("output projection", new Product(636, 4096, 4096)),
        new Linear("down projection", new Product(636, 11008, 4096)));
  }

  /** The same in sizes that an emulated device runs in a moment. */
  static List<GpuOperation> tiny() {
    return List.of(
        new Selection(20, 10, 64),
        new Attention(20, new Heads(2, 2, 64)),
        new SwiGlu(new Product(20, 64, 96)),
        new Linear("output projection", new Product(20, 64, 64)));
  }

  /** The choice of {@code keep} tokens by their scores, and the gathering of their rows. */
  record Selection(int tokens, int keep, int columns) implements GpuOperation {
    @Override
    public String name() {
      return "top-k %d of %d + gather of %d columns".formatted(keep, tokens, columns);
    }

    @Override
    public double flops() {
      return 0;
    }

    @Override
    public Runnable own(Kernels kernels, DeviceScratch scratch) {
      Tensor scores = scratch.random(DType.FLOAT32, 1, tokens);
      Tensor x = scratch.random(tokens, columns);
      Tensor out = scratch.empty(keep, columns);
      Indices rows = scratch.indices(keep);
      return () -> {
        kernels.selectTopK(scores, 0, tokens, keep, rows, 0);
        kernels.gatherRows(x, rows, out);
      };
    }
  }

  /** Causal attention over a whole prompt. */
  record Attention(int tokens, Heads heads) implements GpuOperation {
    @Override
    public String name() {
      return "attention, %d tokens".formatted(tokens);
    }

    /** Only pairs of a query and a key it sees count. */
    @Override
    public double flops() {
      return 4.0 * heads.queryColumns() * tokens * (tokens + 1) / 2;
    }

    @Override
    public Runnable own(Kernels kernels, DeviceScratch scratch) {
      Tensor q = scratch.random(tokens, heads.queryColumns());
      Tensor keys = scratch.random(tokens, heads.keyValueColumns());
      Tensor values = scratch.random(tokens, heads.keyValueColumns());
      Tensor out = scratch.empty(tokens, heads.queryColumns());
      return () -> kernels.attention(q, heads, keys, values, new Mask.Causal(), out);
    }

    @Override
    public Optional<ObjectNode> request() {
      return Optional.of(
          GpuOperation.request("attention")
              .put("tokens", tokens)
              .put("heads", heads.query())
              .put("size", heads.size()));
    }
  }

  /** A projection. A plain product goes to cuBLASLt; our kernel takes it where a GELU follows. */
  record Linear(String layer, Product product) implements GpuOperation {
    @Override
    public String name() {
      return layer + " " + product;
    }

    @Override
    public double flops() {
      return product.flops();
    }

    @Override
    public Runnable own(Kernels kernels, DeviceScratch scratch) {
      return GpuOperation.product(kernels, scratch, product, Activation.QUICK_GELU);
    }

    @Override
    public Optional<Product> cublas() {
      return Optional.of(product);
    }

    @Override
    public Optional<ObjectNode> request() {
      return Optional.of(
          GpuOperation.request("linear")
              .put("tokens", product.tokens())
              .put("inputs", product.inputs())
              .put("outputs", product.outputs()));
    }
  }

  /** Gate, up and SiLU; cuBLASLt's time is that of both products without the SiLU. */
  record SwiGlu(Product product) implements GpuOperation {
    @Override
    public String name() {
      return "gate, up, SiLU " + product;
    }

    @Override
    public double flops() {
      return 2 * product.flops();
    }

    @Override
    public Runnable own(Kernels kernels, DeviceScratch scratch) {
      Tensor x = scratch.random(product.tokens(), product.inputs());
      Weight gateUp = scratch.weight(2 * product.outputs(), product.inputs());
      Tensor out = scratch.empty(product.tokens(), product.outputs());
      return () -> kernels.swiGlu(x, gateUp, out);
    }

    @Override
    public Optional<Product> cublas() {
      return Optional.of(new Product(product.tokens(), product.inputs(), 2 * product.outputs()));
    }

    @Override
    public Optional<ObjectNode> request() {
      return Optional.of(
          GpuOperation.request("swiglu")
              .put("tokens", product.tokens())
              .put("inputs", product.inputs())
              .put("outputs", product.outputs()));
    }
  }
}
