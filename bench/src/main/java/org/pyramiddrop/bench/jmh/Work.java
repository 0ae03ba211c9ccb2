package org.pyramiddrop.bench.jmh;

import org.pyramiddrop.bench.BenchFolder;
import org.pyramiddrop.bench.ModelWork;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.ModelShape;

/**
 * What one operation of a benchmark does, and so what its speed is counted in.
 *
 * @param shape what it works on, for the table
 * @param dtype of its weights, or empty
 * @param amount FLOPs or bytes
 * @param limit what bounds it
 */
record Work(String shape, String dtype, double amount, Limit limit) {
  /** What bounds an operation. */
  enum Limit {
    /** Multiply-adds. */
    ARITHMETIC("GFLOP/s"),
    /** Reading memory. */
    MEMORY("GB/s");

    private final String unit;

    Limit(String unit) {
      this.unit = unit;
    }

    String unit() {
      return unit;
    }
  }

  static Work of(JmhResult result) {
    ModelShape model =
        ModelShape.of(CheckpointShape.LLAVA_7B.withLayers(BenchFolder.LAYERS).config());
    String bfloat16 = DType.BFLOAT16.label();
    return switch (result.name()) {
      case "PeakBenchmark.oneCore", "PeakBenchmark.allCores" ->
          new Work("", DType.FLOAT32.label(), PeakBenchmark.FLOPS, Limit.ARITHMETIC);
      case "ReadBandwidthBenchmark.oneCore", "ReadBandwidthBenchmark.allCores" -> {
        String streams = result.parameter("streams");
        yield new Work(
            streams.equals("1") ? "1 stream" : streams + " streams",
            "",
            ReadBandwidthBenchmark.CHUNK,
            Limit.MEMORY);
      }
      case "MatrixProductBenchmark.product" -> {
        Product product = Product.parse(result.parameter("shape"));
        yield new Work(
            product.toString(), result.dtype().label(), product.flops(), Limit.ARITHMETIC);
      }
      case "DecodeProductBenchmark.product" -> {
        Product product = Product.parse(result.parameter("shape"));
        yield new Work(
            product.toString(),
            result.dtype().label(),
            product.weightBytes(result.dtype()),
            Limit.MEMORY);
      }
      case "DecoderLayerBenchmark.insideStage", "DecoderLayerBenchmark.endOfStage" -> {
        int image = Integer.parseInt(result.parameter("imageTokens"));
        boolean inside = result.name().endsWith("insideStage");
        int text = ModelWork.TEXT_TOKENS;
        yield inside
            ? new Work(
                text + image + " tokens",
                bfloat16,
                ModelWork.layer(model, ModelWork.prompt(image)),
                Limit.ARITHMETIC)
            : new Work(
                "%d to %d tokens".formatted(text + image, text + image / 2),
                bfloat16,
                ModelWork.layerBeforeDrop(model, ModelWork.prompt(image)),
                Limit.ARITHMETIC);
      }
      case "DecodeStepBenchmark.step" -> {
        int cached = Integer.parseInt(result.parameter("cached"));
        yield new Work(
            "%d layers, %d cached".formatted(BenchFolder.LAYERS, cached),
            bfloat16,
            ModelWork.decodeStepBytes(model, DType.BFLOAT16, cached),
            Limit.MEMORY);
      }
      default ->
          throw new IllegalArgumentException(
              "no count of the work of " + result.name() + "; add it to Work");
    };
  }
}
