package org.pyramiddrop.bench.compare;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A linear layer by each of its weights in turn, so that none is in a cache when its turn comes
 * again. Every side's output is held against a float64 product.
 *
 * @param weights how many different ones
 */
record LinearContest(Product product, int weights, DType dtype) implements Contest {
  @Override
  public String name() {
    return "linear " + product + (weights > 1 ? ", %d weights".formatted(weights) : "");
  }

  @Override
  public String operation() {
    return "linear";
  }

  @Override
  public String statement() {
    String types =
        dtype == DType.FLOAT32
            ? "all in float32"
            : "activations %1$s-rounded on all sides, kept as float32 by ours and as %1$s by the others"
                .formatted(dtype.label());
    return "the same random activations and weights, mapped from one file; %s; ours and Jlama's outputs float32, PyTorch's %s; each output checked element by element against a float64 product; of Jlama its Vector API kernels, not its native ones"
        .formatted(types, dtype.label());
  }

  @Override
  public Prepared prepare(Path scratch, int threads) {
    LinearData data = new LinearData(scratch.resolve("linear.raw"), product, weights, dtype);
    data.write(7);
    Side side = new Side(data, ExactProduct.of(data), threads);
    if (side.exact.check(side.outputs(), DType.FLOAT32) instanceof Verdict.Differs differs) {
      side.close();
      throw new IllegalStateException("%s is wrong: %s".formatted(name(), differs.said()));
    }
    return side;
  }

  /** This library's side. */
  private final class Side implements Prepared {
    private final ExactProduct exact;
    private final LinearData data;
    private final Arena arena = Arena.ofShared();
    private final Kernels kernels;
    private final List<Weight> handed = new ArrayList<>();
    private final Tensor x;
    private final Tensor out;

    Side(LinearData data, ExactProduct exact, int threads) {
      this.data = data;
      this.exact = exact;
      MemorySegment mapped = data.map(arena);
      kernels = Devices.open("cpu", threads, DType.FLOAT32);
      x = kernels.allocate(product.tokens(), product.inputs());
      kernels.upload(RawNumbers.floats(data.activations(mapped), dtype), x);
      for (int i = 0; i < weights; i++) {
        HostMatrix matrix =
            new HostMatrix(dtype, data.weight(mapped, i), product.outputs(), product.inputs());
        handed.add(kernels.weight(List.of(matrix)));
      }
      out = kernels.allocate(product.tokens(), product.outputs());
    }

    float[] outputs() {
      int size = product.tokens() * product.outputs();
      float[] all = new float[weights * size];
      for (int i = 0; i < weights; i++) {
        kernels.linear(x, handed.get(i), null, Activation.NONE, out);
        System.arraycopy(kernels.download(out), 0, all, i * size, size);
      }
      return all;
    }

    @Override
    public ObjectNode request() {
      return Contest.request(LinearContest.this)
          .put("tokens", product.tokens())
          .put("inputs", product.inputs())
          .put("outputs", product.outputs())
          .put("weights", weights)
          .put("data", data.file().toString());
    }

    @Override
    public List<Double> run() {
      long start = System.nanoTime();
      for (Weight weight : handed) {
        kernels.linear(x, weight, null, Activation.NONE, out);
      }
      return List.of(Contest.millisSince(start));
    }

    @Override
    public Verdict check(JsonNode answer, float[] output) {
      // Jlama's outputs are float32 whatever the weights are, PyTorch's are of their type.
      return exact.check(output, DType.valueOf(stored(answer)));
    }

    private static String stored(JsonNode answer) {
      return answer.path("output").stringValue().toUpperCase(Locale.ROOT);
    }

    @Override
    public void close() {
      x.close();
      out.close();
      handed.forEach(Weight::close);
      kernels.close();
      arena.close();
    }
  }
}
