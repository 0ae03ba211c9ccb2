package org.pyramiddrop.bench.jmh;

import java.util.Locale;
import org.pyramiddrop.bench.BenchFolder;
import org.pyramiddrop.bench.DeviceCeiling;
import org.pyramiddrop.bench.ModelSize;
import org.pyramiddrop.bench.ModelWork;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * What one operation of a benchmark does, and so what its speed is counted in.
 *
 * @param operation what it is, for the table
 * @param shape what it works on
 * @param dtype of its weights, or of what it reads; or empty
 * @param flops its arithmetic, two for each multiply-add; 0 where it is not worth a count
 * @param bytes what it must read, and write where it only moves; 0 where arithmetic bounds it
 * @param limit what bounds it
 */
record Work(String operation, String shape, String dtype, double flops, double bytes, Limit limit) {
  private static final int TEXT = ModelWork.TEXT_TOKENS;

  /** What bounds an operation. */
  enum Limit {
    /** Multiply-adds. */
    ARITHMETIC,
    /** Memory. */
    MEMORY,
    /** Neither: it is too small for its speed to be a share of anything. */
    LATENCY
  }

  static Work of(JmhResult result) {
    return switch (result.name()) {
      case "PeakBenchmark.oneCore" -> peak("multiply-adds, one core");
      case "PeakBenchmark.allCores" -> peak("multiply-adds, all cores");
      case "ReadBandwidthBenchmark.oneCore" -> reading("reading, one core", result);
      case "ReadBandwidthBenchmark.allCores" -> reading("reading, all cores", result);
      case "DeviceCeilingBenchmark.ceiling" -> ceiling(result);
      case "MatrixProductBenchmark.product" -> matrixProduct(result);
      case "DecodeProductBenchmark.product" -> decodeProduct(result);
      case "VisionBenchmark.picture" -> picture(result);
      case "DecoderLayerBenchmark.layer" -> layer(result);
      case "PrefillBenchmark.prefill" -> prefill(result);
      case "DecodeStepBenchmark.step" -> step(result);
      case "DropBenchmark.drop" -> drop(result);
      default ->
          throw new IllegalArgumentException(
              "no count of the work of " + result.name() + "; add it to Work");
    };
  }

  private static Work arithmetic(String operation, String shape, DType dtype, double flops) {
    return new Work(operation, shape, dtype.label(), flops, 0, Limit.ARITHMETIC);
  }

  private static Work peak(String operation) {
    return arithmetic(operation, "", DType.FLOAT32, PeakBenchmark.FLOPS);
  }

  private static Work reading(String operation, JmhResult result) {
    int streams = result.number("streams");
    return new Work(
        operation,
        streams == 1 ? "1 stream" : streams + " streams",
        "",
        0,
        ReadBandwidthBenchmark.CHUNK,
        Limit.MEMORY);
  }

  private static Work ceiling(JmhResult result) {
    int side = DeviceCeiling.SIDE;
    DType dtype = result.dtype();
    return switch (DeviceCeilingBenchmark.Part.valueOf(result.parameter("part"))) {
      case SQUARE_PRODUCT ->
          arithmetic(
              "square product",
              new Product(side, side, side).toString(),
              dtype,
              DeviceCeiling.flops(side));
      case COPY ->
          new Work(
              "copy",
              DeviceCeiling.COPIED_ROWS + " rows of " + side,
              dtype.label(),
              0,
              DeviceCeiling.copiedBytes(DeviceCeiling.COPIED_ROWS, side, dtype.bytes()),
              Limit.MEMORY);
    };
  }

  private static Product product(JmhResult result, int tokens) {
    return Projection.valueOf(result.parameter("projection")).product(size(result), tokens);
  }

  private static Work matrixProduct(JmhResult result) {
    Product product = product(result, result.number("tokens"));
    return arithmetic("product", product.toString(), result.dtype(), product.flops());
  }

  private static Work decodeProduct(JmhResult result) {
    Product product = product(result, 1);
    return new Work(
        result.parameter("projection").equals("HEAD") ? "output head" : "decode product",
        product.toString(),
        result.dtype().label(),
        product.flops(),
        product.weightBytes(result.dtype()),
        Limit.MEMORY);
  }

  private static Work picture(JmhResult result) {
    ModelShape model = model(result);
    ModelShape.Vision vision = model.vision();
    return switch (VisionBenchmark.Part.valueOf(result.parameter("part"))) {
      case TOWER_LAYER ->
          arithmetic(
              "vision layer",
              "%d tokens of %d, patches embedded".formatted(vision.patches() + 1, vision.hidden()),
              result.dtype(),
              ModelWork.visionTower(model));
      case PROJECTOR ->
          arithmetic(
              "projector",
              "%d tokens, %d to %d".formatted(vision.tokens(), vision.hidden(), model.hidden()),
              result.dtype(),
              ModelWork.projector(model));
    };
  }

  private static Work layer(JmhResult result) {
    String stage = result.parameter("stage");
    int image = DecoderLayerBenchmark.imageTokens(stage);
    PromptShape prompt = ModelWork.prompt(image);
    ModelShape model = model(result);
    return DecoderLayerBenchmark.drops(stage)
        ? arithmetic(
            "decoder layer before a drop",
            "%d to %d tokens".formatted(TEXT + image, TEXT + image / 2),
            result.dtype(),
            ModelWork.layerBeforeDrop(model, prompt))
        : arithmetic(
            "decoder layer",
            TEXT + image + " tokens",
            result.dtype(),
            ModelWork.layer(model, prompt));
  }

  private static Work prefill(JmhResult result) {
    int image = result.number("imageTokens");
    return arithmetic(
        "prefill, %d layers".formatted(BenchFolder.LAYERS),
        "%d tokens, %s".formatted(TEXT + image, choice(result)),
        result.dtype(),
        ModelWork.prefill(
            model(result), BenchFolder.LAYERS, choice(result).plan(), ModelWork.prompt(image)));
  }

  private static Work step(JmhResult result) {
    int image = result.number("imageTokens");
    ModelShape model = model(result);
    PromptShape prompt = ModelWork.prompt(image);
    PruningPlan plan = choice(result).plan();
    return new Work(
        "decode step, %d layers".formatted(BenchFolder.LAYERS),
        "behind %d tokens, %s".formatted(TEXT + image, choice(result)),
        result.dtype().label(),
        ModelWork.decodeStep(model, plan, prompt),
        ModelWork.decodeStepBytes(model, plan, prompt, result.dtype(), result.activations()),
        Limit.MEMORY);
  }

  private static Work drop(JmhResult result) {
    int image = result.number("imageTokens");
    ModelShape model = model(result);
    DType dtype = result.activations();
    DropBenchmark.Part part = DropBenchmark.Part.valueOf(result.parameter("part"));
    String operation = part.name().toLowerCase(Locale.ROOT);
    return switch (part) {
      case RANKING ->
          new Work(
              operation,
              "%d keys, %d heads".formatted(TEXT + image, model.heads()),
              dtype.label(),
              ModelWork.scoring(model, TEXT + image),
              ModelWork.scoringBytes(model, TEXT + image, dtype),
              Limit.MEMORY);
      case SELECTION ->
          new Work(
              operation,
              "%d of %d".formatted(image / 2, image),
              DType.FLOAT32.label(),
              0,
              0,
              Limit.LATENCY);
      case GATHER ->
          new Work(
              operation,
              "%d rows of %d".formatted(image / 2, model.hidden()),
              dtype.label(),
              0,
              ModelWork.gatherBytes(model, image / 2, dtype),
              Limit.MEMORY);
    };
  }

  private static PruningChoice choice(JmhResult result) {
    return PruningChoice.valueOf(result.parameter("plan"));
  }

  private static ModelSize size(JmhResult result) {
    return ModelSize.of(result.parameter("size"));
  }

  private static ModelShape model(JmhResult result) {
    return ModelShape.of(size(result).shape().config());
  }
}
