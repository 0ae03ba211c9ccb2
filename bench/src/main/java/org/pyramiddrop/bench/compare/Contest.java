package org.pyramiddrop.bench.compare;

import java.nio.file.Path;
import java.util.List;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.bench.ProductRun;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.StandaloneDecoder;
import org.pyramiddrop.transformer.WeightType;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** One operation that both sides run, of the same shape and dtype, on random data. */
sealed interface Contest {
  /** What stands in the table. */
  String name();

  /** The dtype of the weights. */
  DType dtype();

  /** The request that prepares PyTorch's side. */
  ObjectNode request();

  /** Prepares this library's side. */
  Side prepare(int threads);

  /** An operation that is ready to run. */
  interface Side extends AutoCloseable {
    /** Runs it once and returns how long it took, in milliseconds. */
    double millis();

    @Override
    void close();
  }

  /** The comparison that {@code make compare} runs. */
  static List<Contest> all(Path decoder) {
    Product prefill = new Product(636, 4096, 11008);
    Product decode = new Product(1, 4096, 11008);
    return List.of(
        new Linear(prefill, 1, DType.BFLOAT16),
        new Linear(prefill, 1, DType.FLOAT32),
        new Linear(decode, 8, DType.BFLOAT16),
        new Linear(decode, 8, DType.FLOAT32),
        new Layer(decoder, 636, 4096, 11008, 32, DType.BFLOAT16),
        new Layer(decoder, 636, 4096, 11008, 32, DType.FLOAT32));
  }

  private static double time(Runnable operation) {
    long start = System.nanoTime();
    operation.run();
    return (System.nanoTime() - start) / 1e6;
  }

  private static ObjectNode request(String op, DType dtype) {
    return JsonMapper.shared().createObjectNode().put("op", op).put("dtype", dtype.label());
  }

  /**
   * A linear layer, by each of its weights in turn.
   *
   * @param weights how many different ones
   */
  record Linear(Product product, int weights, DType dtype) implements Contest {
    @Override
    public String name() {
      return "linear " + product + (weights > 1 ? ", %d weights".formatted(weights) : "");
    }

    @Override
    public ObjectNode request() {
      return Contest.request("linear", dtype)
          .put("tokens", product.tokens())
          .put("inputs", product.inputs())
          .put("outputs", product.outputs())
          .put("weights", weights);
    }

    @Override
    public Side prepare(int threads) {
      ProductRun run = new ProductRun(product, dtype, weights, threads, 7);
      return new Side() {
        @Override
        public double millis() {
          return time(run::runAll);
        }

        @Override
        public void close() {
          run.close();
        }
      };
    }
  }

  /**
   * A decoder layer over a whole prompt: the first of a checkpoint of these sizes.
   *
   * @param decoder the checkpoint's folder
   */
  record Layer(Path decoder, int tokens, int hidden, int intermediate, int heads, DType dtype)
      implements Contest {
    @Override
    public String name() {
      return "decoder layer, %d tokens".formatted(tokens);
    }

    @Override
    public ObjectNode request() {
      return Contest.request("layer", dtype)
          .put("tokens", tokens)
          .put("hidden", hidden)
          .put("intermediate", intermediate)
          .put("heads", heads);
    }

    @Override
    public Side prepare(int threads) {
      StandaloneDecoder open =
          StandaloneDecoder.open(decoder, WeightType.valueOf(dtype.name()), threads);
      StandaloneDecoder.RandomPrompt prompt =
          open.prompt(new PromptShape(List.of(tokens), List.of(), 0), 8);
      return new Side() {
        @Override
        public double millis() {
          try (StandaloneDecoder.Prefill prefill = prompt.start(PruningPlan.none())) {
            return time(() -> prefill.run(1));
          }
        }

        @Override
        public void close() {
          prompt.close();
          open.close();
        }
      };
    }
  }
}
