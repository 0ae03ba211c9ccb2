package org.pyramiddrop.bench.speed.compare;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.ProductRun;
import org.pyramiddrop.bench.speed.compare.Comparison.OwnSide;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;

/**
 * A linear layer by each of its weights in turn, so that none is in a cache when its turn comes
 * again. Every side's output is held against a float64 product.
 */
final class LinearComparison {
  private LinearComparison() {}

  static Comparison of(Product product, int weights, DType dtype) {
    String types =
        dtype == DType.FLOAT32
            ? "all in float32"
            : "activations %1$s-rounded on all sides, kept as float32 by ours and as %1$s by the others"
                .formatted(dtype.label());
    return new Comparison(
        "linear " + product + (weights > 1 ? ", %d weights".formatted(weights) : ""),
        dtype,
        "linear",
        "the same random activations and weights, mapped from one file; %s; ours and Jlama's outputs float32, PyTorch's %s; each output checked element by element against a float64 product; of Jlama its Vector API kernels, not its native ones"
            .formatted(types, dtype.label()),
        (scratch, threads) ->
            prepare(
                new LinearData(scratch.resolve("linear.raw"), product, weights, dtype), threads));
  }

  private static OwnSide prepare(LinearData data, int threads) {
    data.write(7);
    Product sizes = data.product();
    ProductRun run = data.open(Devices.open("cpu", threads, DType.FLOAT32));
    ExactProduct exact = new ExactProduct(data);
    Verdict ours = exact.check(run.outputs(), DType.FLOAT32);
    if (!ours.agrees()) {
      run.close();
      throw new IllegalStateException("linear %s is wrong: %s".formatted(sizes, ours.said()));
    }
    return new OwnSide(
        Comparison.request("linear", data.dtype())
            .put("tokens", sizes.tokens())
            .put("inputs", sizes.inputs())
            .put("outputs", sizes.outputs())
            .put("weights", data.weights())
            .put("data", data.file().toString()),
        () -> List.of(Stopwatch.time(run::runAll)),
        Optional.empty(),
        // Jlama's outputs are float32 whatever the weights are, PyTorch's are of their type.
        (answer, output) ->
            exact.check(
                output,
                DType.valueOf(answer.path("output").stringValue().toUpperCase(Locale.ROOT))),
        run::close);
  }
}
