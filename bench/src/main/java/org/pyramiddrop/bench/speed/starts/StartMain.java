package org.pyramiddrop.bench.speed.starts;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.speed.DeviceScratch;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.ProductRun;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.FileAccess;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.json.JsonMapper;

/**
 * One start of Java: times a few operations in the order in which a user meets them, and prints the
 * milliseconds of every run as a line of JSON.
 */
public final class StartMain {
  static final String PREFILL = "prefill of 4 layers, 636 tokens";
  static final String STEP = "decode step of 4 layers and head";

  private static final int STEPS = 15;
  private static final int PROMPT = 576 + ModelWork.TEXT_TOKENS;
  private static final int LONG_PROMPT = 2880 + ModelWork.TEXT_TOKENS;

  private final ModelSize size;
  private final Map<String, List<Double>> millis = new LinkedHashMap<>();

  private StartMain(ModelSize size) {
    this.size = size;
  }

  /** Takes the label of a {@link ModelSize}. */
  public static void main(String[] args) {
    StartMain start = new StartMain(ModelSize.of(args[0]));
    start.model();
    start.copiedModel();
    start.product(DType.BFLOAT16, PROMPT, 7);
    start.product(DType.FLOAT16, PROMPT, 7);
    start.product(DType.BFLOAT16, 1, 60);
    start.product(DType.FLOAT16, 1, 60);
    start.attention();
    System.out.println(JsonMapper.shared().writeValueAsString(start.millis));
  }

  /** A model's first answer, as a user has it, and then the same again. */
  private void model() {
    try (ModelOnDevice model = open(FileAccess.MAPPED);
        RepeatedAnswer answer = answer(model)) {
      answer.encode();
      List<Double> first = times(1, answer::prefill);
      millis.put(STEP, times(STEPS, answer::decodeStep));
      millis.put(
          PREFILL, Stream.concat(first.stream(), times(2, answer::prefill).stream()).toList());
    }
  }

  /** Decode steps of the same model from a copy of its weights. */
  private void copiedModel() {
    try (ModelOnDevice model = open(FileAccess.COPIED);
        RepeatedAnswer answer = answer(model)) {
      answer.first();
      millis.put(STEP + ", weights copied", times(STEPS, answer::decodeStep));
    }
  }

  private ModelOnDevice open(FileAccess reading) {
    return ModelOnDevice.open(
        size.checkpoint(), reading, Optional.empty(), ModelOnDevice.device("cpu"));
  }

  private static RepeatedAnswer answer(ModelOnDevice model) {
    int side = model.config().vision().imageSize();
    ModelInput input =
        ModelInput.random(
            model.config(), new Resolution(side, side), ModelWork.TEXT_TOKENS, /* seed= */ 9);
    return model.answer(input, PruningPlan.none(), STEPS);
  }

  private void product(DType dtype, int tokens, int runs) {
    CheckpointShape shape = size.shape();
    Product product = new Product(tokens, shape.hidden(), shape.intermediate());
    // Six take turns in decode, so that none is still in a cache.
    int weights = tokens == 1 ? 6 : 1;
    try (ProductRun run =
        ProductRun.random(product, dtype, weights, Devices.open("cpu", 0, dtype), /* seed= */ 1)) {
      millis.put("product %s, %s".formatted(product, dtype.label()), times(runs, run::run));
    }
  }

  private void attention() {
    CheckpointShape shape = size.shape();
    Heads heads = new Heads(shape.heads(), shape.heads(), shape.hidden() / shape.heads());
    try (Kernels kernels = Devices.open("cpu", 0, DType.FLOAT32);
        DeviceScratch scratch = new DeviceScratch(kernels)) {
      Tensor q = scratch.random(LONG_PROMPT, shape.hidden());
      Tensor keys = scratch.random(LONG_PROMPT, shape.hidden());
      Tensor values = scratch.random(LONG_PROMPT, shape.hidden());
      Tensor out = scratch.empty(LONG_PROMPT, shape.hidden());
      millis.put(
          "attention of a layer, %d tokens".formatted(LONG_PROMPT),
          times(5, () -> kernels.attention(q, heads, keys, values, new Mask.Causal(), out)));
    }
  }

  private static List<Double> times(int runs, Runnable work) {
    return IntStream.range(0, runs).mapToObj(_ -> Stopwatch.time(work)).toList();
  }
}
