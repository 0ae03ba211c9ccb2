package org.pyramiddrop.bench.speed.compare;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.model.RepeatedPrefill;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.ProductRun;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.bench.speed.compare.Comparison.OwnSide;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.loader.FileAccess;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The comparisons that {@code make compare} holds. */
final class Comparisons {
  /** Tokens of a model's answer. */
  private static final int ANSWER = 8;

  /** An image and words, as in a LLaVA-1.5 prompt. */
  private static final int PROMPT = 636;

  /** What the last of four stages that halve has of it. */
  private static final int LAST_STAGE = 132;

  /** What weights take less memory in than in float32. */
  private static final List<DType> NARROW = List.of(DType.BFLOAT16, DType.INT8, DType.INT4);

  private static final Path SCENES = Path.of("models", "scenes");
  private static final String QUESTION = "what number is on the gray triangle ?";

  /** A model between the demo's and a real one: 173 million weights, 576 image tokens. */
  private static final CheckpointShape MIDDLE =
      new CheckpointShape(
          8, 1024, 2816, 16, 16, 8064, CheckpointShape.clip(1024, 4096, 4, 16, 336));

  private Comparisons() {}

  /** All comparisons; the checkpoints they run on are written first, unless they are there. */
  static List<Comparison> all() {
    if (!Files.isDirectory(SCENES)) {
      throw new IllegalArgumentException("no " + SCENES + "; run from the project's root");
    }
    Path layers = ModelSize.LLAVA_7B.checkpoint();
    // PyTorch's vision tower runs all of its layers, whichever the features come from.
    Path middle = ModelSize.checkpoint("compare-model", MIDDLE.config(-1));
    Path demo = SCENES.resolve("model");
    ModelInput scene = ModelInput.of(demo, SCENES.resolve("heldout").resolve("0000.png"), QUESTION);
    ModelInput random =
        ModelInput.random(
            LlavaConfig.read(middle), new Resolution(336, 336), ModelWork.TEXT_TOKENS, 9);
    List<DType> dtypes = List.of(DType.BFLOAT16, DType.FLOAT32);
    List<DType> all = List.of(DType.BFLOAT16, DType.FLOAT32, DType.INT8, DType.INT4);
    String size = "random model, 173 M weights";
    return Stream.of(
            dtypes.stream().map(dtype -> linear(new Product(PROMPT, 4096, 11008), 1, dtype)),
            dtypes.stream().map(dtype -> linear(new Product(1, 4096, 11008), 8, dtype)),
            Stream.of(PROMPT, LAST_STAGE)
                .flatMap(tokens -> all.stream().map(dtype -> layer(layers, tokens, dtype))),
            Stream.of(FileAccess.values())
                .flatMap(reading ->
                    NARROW.stream().map(dtype -> decoder(layers, PROMPT, ANSWER, dtype, reading))),
            dtypes.stream().map(dtype -> model("demo model", demo, scene, ANSWER, dtype)),
            dtypes.stream().map(dtype -> model(size, middle, random, ANSWER, dtype)))
        .flatMap(comparisons -> comparisons)
        .toList();
  }

  /**
   * A linear layer by each of its weights in turn, so that none is in a cache when its turn comes
   * again. Every side's output is held against a float64 product.
   */
  static Comparison linear(Product product, int weights, DType dtype) {
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
        (scratch, backend, threads) ->
            linear(
                new LinearData(scratch.resolve("linear.raw"), product, weights, dtype),
                backend,
                threads));
  }

  private static OwnSide linear(LinearData data, String backend, int threads) {
    data.write(7);
    ProductRun run = data.open(Devices.open(backend, threads, DType.FLOAT32));
    ExactProduct exact = new ExactProduct(data);
    Verdict ours = exact.check(run.outputs(), DType.FLOAT32);
    if (!ours.agrees()) {
      run.close();
      throw new IllegalStateException(
          "linear %s is wrong: %s".formatted(data.product(), ours.said()));
    }
    return new OwnSide(
        data.request(),
        () -> List.of(Stopwatch.time(run::runAll)),
        Optional.empty(),
        // Jlama's outputs are float32 whatever the weights are, PyTorch's are of their type.
        (answer, output) -> exact.check(output, LinearData.dtype(answer.path("output"))),
        run::close);
  }

  /**
   * The first decoder layer of a checkpoint over a whole prompt of random tokens.
   *
   * @param model the checkpoint's folder; it has at least two layers
   */
  static Comparison layer(Path model, int tokens, DType dtype) {
    double bound = Verdict.bound(dtype, 0.05);
    return new Comparison(
        "decoder layer, %d tokens".formatted(tokens),
        dtype,
        "layer",
        "layer 0 of the same checkpoint on the same embedded prompt; from hidden states to hidden states, ours also storing keys and values; outputs within %s of their deviation"
            .formatted(bound),
        (scratch, backend, threads) -> {
          ModelOnDevice decoder =
              ModelOnDevice.open(model, Optional.of(dtype), ModelOnDevice.device(backend, threads));
          PromptShape shape = new PromptShape(List.of(tokens), List.of(), 0);
          RepeatedPrefill layer =
              new RepeatedPrefill(decoder, shape, PruningPlan.none(), 1, /* seed= */ 8);
          Path input = scratch.resolve("hidden.raw");
          RawNumbers.write(input, layer.input());
          layer.run();
          float[] output = layer.output();
          return new OwnSide(
              Comparison.request("layer", dtype)
                  .put("model", model.toString())
                  .put("tokens", tokens)
                  .put("data", input.toString()),
              () -> List.of(layer.millis()),
              Optional.empty(),
              (_, theirs) -> Verdict.near(output, theirs, bound),
              () -> {
                layer.close();
                decoder.close();
              });
        });
  }

  /**
   * A decoder that answers random words, without an image.
   *
   * @param tokens of the answer, at least two
   * @param reading how weights get into memory, where a side can choose
   */
  static Comparison decoder(Path model, int words, int tokens, DType dtype, FileAccess reading) {
    double bound = Verdict.bound(dtype, 0.1);
    boolean mapped = reading == FileAccess.MAPPED;
    return new Comparison(
        "decoder of %d layers, %d words, weights %s"
            .formatted(
                LlavaConfig.read(model).text().layers(), words, mapped ? "mapped" : "in memory"),
        dtype,
        "decoder",
        "the same checkpoint and token ids, llama.cpp's its own random ones; from ids to the first token, then %d decode steps; each side converts to int8 and int4 itself, its head to 8 bits; PyTorch's weights are always in memory, its last layer runs for all rows and its head for the last one, except in rows of logits_to_keep=1, where it copies the whole head in bfloat16; the first token's logits within %s of their deviation"
            .formatted(tokens - 1, bound),
        rows(tokens, dtype),
        phases -> times(phases, tokens, dtype),
        (_, backend, threads) -> {
          ModelOnDevice answers =
              ModelOnDevice.open(
                  model, reading, Optional.of(dtype), ModelOnDevice.device(backend, threads));
          RepeatedAnswer plain = answers.answer(words, tokens - 1, /* seed= */ 10);
          return answering(
              Comparison.request("decoder", dtype)
                  .put("model", model.toString())
                  .put("mapped", mapped),
              answers,
              plain,
              Optional.empty(),
              tokens,
              bound);
        });
  }

  private static List<String> rows(int tokens, DType dtype) {
    List<String> rows =
        List.of(
            "to the first token",
            "each further token",
            "%d tokens".formatted(tokens),
            "to the first token, PyTorch by logits_to_keep=1");
    // PyTorch has no weights in blocks.
    return dtype.inBlocks() ? rows.subList(0, 3) : rows;
  }

  /** The times of {@link #rows}. */
  private static List<Double> times(List<Double> phases, int tokens, DType dtype) {
    double first = phases.get(0);
    double further = phases.get(1);
    // PyTorch alone has a second way to the first token.
    double sliced = phases.size() > 2 ? phases.get(2) : first;
    List<Double> times = List.of(first, further / (tokens - 1), first + further, sliced);
    return dtype.inBlocks() ? times.subList(0, 3) : times;
  }

  /**
   * Our side of a comparison of answers.
   *
   * @param request to which the prompt and the answer's length are added
   * @param model closed at the end, as the answers are
   */
  private static OwnSide answering(
      ObjectNode request,
      ModelOnDevice model,
      RepeatedAnswer plain,
      Optional<RepeatedAnswer> pruned,
      int tokens,
      double bound) {
    int[] answer = plain.answer(tokens);
    plain.prefill();
    float[] logits = plain.logits();
    request.put("tokens", tokens).set("ids", JsonMapper.shared().valueToTree(plain.ids()));
    return new OwnSide(
        request,
        () -> time(plain, tokens),
        pruned.map(less -> () -> time(less, tokens)),
        (said, theirs) ->
            Verdict.ofAnswer(Verdict.near(logits, theirs, bound), answer, said.path("tokens")),
        () -> {
          plain.close();
          pruned.ifPresent(RepeatedAnswer::close);
          model.close();
        });
  }

  /**
   * A whole model that answers a question about an image, unpruned; beside it, this library's own
   * pruned run.
   *
   * @param tokens of the answer, at least two
   */
  static Comparison model(String title, Path model, ModelInput input, int tokens, DType dtype) {
    double bound = Verdict.bound(dtype, 0.1);
    return new Comparison(
        title,
        dtype,
        "model",
        "the same checkpoint, pixel values and token ids; from pixels to the first token, then %d greedy decode steps; no preprocessing, tokenizer or loading; of the vision tower's layers ours runs those that its features come from, PyTorch all; PyTorch's output head runs on the last row alone, except in rows of logits_to_keep=1, where it copies the whole head in bfloat16; without pruning on both sides except in rows that say so, which do less work; the first token's logits within %s of their deviation"
            .formatted(tokens - 1, bound),
        rows(tokens, dtype),
        phases -> times(phases, tokens, dtype),
        (scratch, backend, threads) -> {
          Path file = scratch.resolve("pixels.raw");
          Pixels pixels = input.image().crops().getFirst();
          RawNumbers.write(file, pixels.values());
          ModelOnDevice answers =
              ModelOnDevice.open(model, Optional.of(dtype), ModelOnDevice.device(backend, threads));
          RepeatedAnswer plain = answers.answer(input, PruningChoice.NONE.plan(), tokens - 1);
          RepeatedAnswer pruned = answers.answer(input, PruningChoice.PYRAMID.plan(), tokens - 1);
          int[] shape = {pixels.channels(), pixels.height(), pixels.width()};
          return answering(
              Comparison.request("model", dtype)
                  .put("model", model.toString())
                  .put("data", file.toString())
                  .set("pixels", JsonMapper.shared().valueToTree(shape)),
              answers,
              plain,
              Optional.of(pruned),
              tokens,
              bound);
        });
  }

  /** Milliseconds to the first token, and of the others together. */
  private static List<Double> time(RepeatedAnswer answering, int tokens) {
    Stopwatch stopwatch = new Stopwatch();
    answering.first();
    double first = stopwatch.lap();
    for (int i = 1; i < tokens; i++) {
      answering.decodeStep();
    }
    return List.of(first, stopwatch.lap());
  }
}
