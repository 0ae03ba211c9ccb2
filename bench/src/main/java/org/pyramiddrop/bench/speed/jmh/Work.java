package org.pyramiddrop.bench.speed.jmh;

import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.speed.DeviceCeiling;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * What one operation of a benchmark does, and so what its speed is counted in.
 *
 * @param dtype of its weights, or of what it reads; or empty
 * @param flops its arithmetic, two for each multiply-add; 0 where it is not worth a count
 * @param bytes what it must read, and write where it only moves; 0 where arithmetic bounds it
 */
record Work(String operation, String shape, String dtype, double flops, double bytes, Limit limit) {
  private static final int TEXT = ModelWork.TEXT_TOKENS;

  enum Limit {
    ARITHMETIC,
    MEMORY,
    /** Neither: it is too small for its speed to be a share of anything. */
    LATENCY
  }

  static Work of(JmhResult result) {
    return switch (result.name()) {
      case "PeakBenchmark.oneCore" -> peak("one core");
      case "PeakBenchmark.allCores" -> peak("all cores");
      case "ReadBandwidthBenchmark.oneCore" -> reading("one core", result.number("streams"));
      case "ReadBandwidthBenchmark.allCores" -> reading("all cores", result.number("streams"));
      case "DeviceCeilingBenchmark.ceiling" -> ceiling(result);
      case "MatrixProductBenchmark.product" -> matrixProduct(result);
      case "DecodeProductBenchmark.product" -> decodeProduct(result);
      case "VisionBenchmark.image" -> image(model(result), result);
      case "DecoderLayerBenchmark.layer" -> layer(result.parameter("stage"), result);
      case "PrefillBenchmark.prefill" -> prefill(result.number("imageTokens"), result);
      case "DecodeStepBenchmark.step" -> step(result.number("imageTokens"), result);
      case "DropBenchmark.drop" -> drop(result.number("imageTokens"), model(result), result);
      default ->
          throw new IllegalArgumentException(
              "no count of the work of " + result.name() + "; add it to Work");
    };
  }

  private static Work arithmetic(String operation, String shape, DType dtype, double flops) {
    return new Work(operation, shape, dtype.label(), flops, 0, Limit.ARITHMETIC);
  }

  private static Work memory(
      String operation, String shape, DType dtype, double flops, double bytes) {
    return new Work(operation, shape, dtype.label(), flops, bytes, Limit.MEMORY);
  }

  private static Work peak(String cores) {
    return arithmetic("multiply-adds, " + cores, "", DType.FLOAT32, PeakBenchmark.FLOPS);
  }

  private static Work reading(String cores, int streams) {
    String shape = streams == 1 ? "1 stream" : streams + " streams";
    return new Work("reading, " + cores, shape, "", 0, ReadBandwidthBenchmark.CHUNK, Limit.MEMORY);
  }

  private static Work ceiling(JmhResult result) {
    DeviceCeiling ceiling = DeviceCeiling.of(result.size());
    Product product = ceiling.product();
    DType dtype = result.dtype();
    return switch (DeviceCeilingBenchmark.Part.valueOf(result.parameter("part"))) {
      case SQUARE_PRODUCT ->
          arithmetic("square product", product.toString(), dtype, product.flops());
      case READ -> {
        String shape = "%d rows of %d".formatted(ceiling.rows(), ceiling.side());
        yield memory("read", shape, dtype, 0, ceiling.readBytes(dtype));
      }
    };
  }

  private static Product product(JmhResult result, int tokens) {
    return Projection.valueOf(result.parameter("projection")).product(result.size(), tokens);
  }

  private static Work matrixProduct(JmhResult result) {
    Product product = product(result, result.number("tokens"));
    return arithmetic("product", product.toString(), result.dtype(), product.flops());
  }

  private static Work decodeProduct(JmhResult result) {
    Product product = product(result, 1);
    return memory(
        result.parameter("projection").equals("HEAD") ? "output head" : "decode product",
        product.toString(),
        result.dtype(),
        product.flops(),
        (double) product.weightBytes(result.dtype()));
  }

  private static Work image(ModelShape model, JmhResult result) {
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

  private static Work layer(String stage, JmhResult result) {
    int image = DecoderLayerBenchmark.imageTokens(stage);
    PromptShape prompt = ModelWork.prompt(image);
    if (DecoderLayerBenchmark.drops(stage)) {
      String shape = "%d to %d tokens".formatted(TEXT + image, TEXT + image / 2);
      double flops = ModelWork.layerBeforeDrop(model(result), prompt);
      return arithmetic("decoder layer before a drop", shape, result.dtype(), flops);
    }
    double flops = ModelWork.layer(model(result), prompt);
    return arithmetic("decoder layer", TEXT + image + " tokens", result.dtype(), flops);
  }

  private static Work prefill(int image, JmhResult result) {
    int layers = ModelSize.LAYERS;
    PruningChoice plan = result.plan();
    return arithmetic(
        "prefill, %d layers".formatted(layers),
        "%d tokens, %s".formatted(TEXT + image, plan.label()),
        result.dtype(),
        ModelWork.prefill(model(result), layers, plan.plan(), ModelWork.prompt(image)));
  }

  private static Work step(int image, JmhResult result) {
    ModelShape model = model(result);
    PromptShape prompt = ModelWork.prompt(image);
    PruningChoice plan = result.plan();
    return memory(
        "decode step, %d layers".formatted(ModelSize.LAYERS),
        "behind %d tokens, %s".formatted(TEXT + image, plan.label()),
        result.dtype(),
        ModelWork.decodeStep(model, plan.plan(), prompt, 0),
        ModelWork.decodeStepBytes(
            model, plan.plan(), prompt, result.dtype(), result.activations()));
  }

  private static Work drop(int image, ModelShape model, JmhResult result) {
    DType dtype = result.activations();
    DropBenchmark.Part part = DropBenchmark.Part.valueOf(result.parameter("part"));
    String operation = part.name().toLowerCase(Locale.ROOT);
    double keys = (double) (TEXT + image) * model.headSize();
    int kept = image / 2;
    String half = "%d of %d".formatted(kept, image);
    return switch (part) {
      case RANKING ->
          memory(
              operation,
              "%d keys, %d heads".formatted(TEXT + image, model.heads()),
              dtype,
              2 * keys * model.heads(),
              keys * model.kvHeads() * dtype.bytes());
      case SELECTION -> new Work(operation, half, DType.FLOAT32.label(), 0, 0, Limit.LATENCY);
      case GATHER ->
          memory(
              operation,
              "%d rows of %d".formatted(kept, model.hidden()),
              dtype,
              0,
              2.0 * kept * model.hidden() * dtype.bytes());
      case VISION_ZIP ->
          cut("VisionZip's cut", image, model, visionZip(Math.min(image, DropBenchmark.PATCHES)));
      case MAX_MIN ->
          cut("DivPrune's cut", image, model, PruningPlan.divPrune(image / DropBenchmark.SHARE));
      case DETERMINANTAL ->
          cut("CDPruner's cut", image, model, PruningPlan.cdPruner(image / DropBenchmark.SHARE));
    };
  }

  private static PruningPlan visionZip(int patches) {
    int targets = DropBenchmark.targets(patches);
    return PruningPlan.visionZip(patches / DropBenchmark.SHARE - targets, targets);
  }

  /** Float32 throughout on the CPU, and sums in float32 on a GPU. */
  private static Work cut(String operation, int image, ModelShape model, PruningPlan plan) {
    int crops = Math.max(1, image / DropBenchmark.PATCHES);
    List<Integer> patches = Collections.nCopies(crops, image / crops);
    return arithmetic(
        operation,
        "%d of %d".formatted(image / DropBenchmark.SHARE, image),
        DType.FLOAT32,
        new FlopCounter(model, plan.schedule(model.layers()))
            .cuts(List.of(new ImageShape(patches, 0)), plan));
  }

  private static ModelShape model(JmhResult result) {
    return ModelShape.of(result.size().shape().config());
  }
}
