package org.pyramiddrop.bench.pruning;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.BenchFolder;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.ModelWork;
import org.pyramiddrop.bench.ResultFile;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;
import org.pyramiddrop.transformer.StandaloneDecoder;
import org.pyramiddrop.transformer.WeightType;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Whether pruning saves the time that it saves in work: prefills of one decoder, with and without
 * PyramidDrop in turn, beside {@link org.pyramiddrop.transformer.pruning.FlopCounter}'s count for
 * the same shapes.
 *
 * <p>Timed is what a prefill takes from token ids and image embeddings to logits. A few layers of
 * the real width stand for the rest; the head, which both ways run once, then weighs more than in
 * the whole model, in time as in the count.
 */
@Command(
    name = "pruning",
    description = "Times prefills with and without PyramidDrop against their FLOPs.")
public final class PruningPay implements Callable<Integer> {
  private final PrintWriter out;

  @Option(names = "--layers", description = "layers of 7B width (${DEFAULT-VALUE})")
  private int layers = 8;

  @Option(names = "--model", description = "a checkpoint to take instead of a random one")
  private @Nullable Path model;

  @Option(names = "--stages", description = "stages of the pyramid (${DEFAULT-VALUE})")
  private int stages = 4;

  @Option(names = "--lambda", description = "share that each drop keeps (${DEFAULT-VALUE})")
  private double lambda = 0.5;

  @Option(names = "--image-tokens", description = "of one picture (${DEFAULT-VALUE})")
  private int imageTokens = 576;

  @Option(names = "--text-tokens", description = "half before it, half behind (${DEFAULT-VALUE})")
  private int textTokens = 60;

  @Option(names = "--pairs", description = "timed runs of each, in turn (${DEFAULT-VALUE})")
  private int pairs = 7;

  @Option(names = "--threads", description = "threads (one a core)")
  private int threads = Runtime.getRuntime().availableProcessors();

  public PruningPay(PrintWriter out) {
    this.out = out;
  }

  /**
   * What was measured.
   *
   * @param plain milliseconds of prefills without drops
   * @param pruned milliseconds of prefills with them
   * @param pairRatios plain by pruned, pair by pair
   * @param plainFlops the honest count of the decoder
   * @param prunedFlops the same under the plan
   * @param layers median milliseconds of each layer: without drops, with them
   */
  record Result(
      Spread plain,
      Spread pruned,
      Spread pairRatios,
      double plainFlops,
      double prunedFlops,
      List<double[]> layers) {
    double timeRatio() {
      return plain.median() / pruned.median();
    }

    double flopsRatio() {
      return plainFlops / prunedFlops;
    }

    /** Which part of the saved work came back as time: 1 is all of it. */
    double paid() {
      return timeRatio() / flopsRatio();
    }
  }

  static Result measure(StandaloneDecoder decoder, PruningPlan plan, PromptShape shape, int pairs) {
    List<Timed> plain = new ArrayList<>();
    List<Timed> pruned = new ArrayList<>();
    try (StandaloneDecoder.RandomPrompt prompt = decoder.prompt(shape, 6)) {
      // The first pair compiles the kernels and maps the weights.
      for (int i = 0; i <= pairs; i++) {
        Timed without = time(prompt, PruningPlan.none());
        Timed with = time(prompt, plan);
        if (i > 0) {
          plain.add(without);
          pruned.add(with);
        }
      }
    }
    ModelShape model = ModelShape.of(decoder.config());
    return new Result(
        Spread.of(plain.stream().map(Timed::millis).toList()),
        Spread.of(pruned.stream().map(Timed::millis).toList()),
        Spread.of(
            IntStream.range(0, pairs)
                .mapToObj(i -> plain.get(i).millis / pruned.get(i).millis)
                .toList()),
        ModelWork.prefill(model, model.layers(), PruningPlan.none(), shape),
        ModelWork.prefill(model, model.layers(), plan, shape),
        IntStream.range(0, model.layers())
            .mapToObj(i -> new double[] {medianOfLayer(plain, i), medianOfLayer(pruned, i)})
            .toList());
  }

  private record Timed(double millis, List<Double> layerMillis) {}

  private static Timed time(StandaloneDecoder.RandomPrompt prompt, PruningPlan plan) {
    long start = System.nanoTime();
    try (StandaloneDecoder.Prefill prefill = prompt.start(plan)) {
      prefill.run();
      return new Timed((System.nanoTime() - start) / 1e6, prefill.layerMillis());
    }
  }

  private static double medianOfLayer(List<Timed> runs, int layer) {
    return Spread.of(runs.stream().map(run -> run.layerMillis.get(layer)).toList()).median();
  }

  @Override
  public Integer call() {
    if (pairs < 1) {
      throw new IllegalArgumentException("--pairs must be at least 1, not " + pairs);
    }
    PruningPlan plan = PruningPlan.pyramid(stages, lambda);
    PromptShape shape = PromptShape.of(textTokens / 2, imageTokens, 1, textTokens - textTokens / 2);
    Path folder = model == null ? BenchFolder.decoder(layers) : model;
    try (StandaloneDecoder decoder = StandaloneDecoder.open(folder, WeightType.AUTO, threads)) {
      int depth = decoder.config().text().layers();
      int[] counts = plan.schedule(depth).counts(imageTokens);
      Result result = measure(decoder, plan, shape, pairs);
      print(result, depth, counts, plan);
      ResultFile.write(
          "pruning.json",
          file -> {
            file.put("layers", depth).put("imageTokens", imageTokens).put("textTokens", textTokens);
            file.put("stages", stages).put("lambda", lambda).put("threads", threads);
            ResultFile.spread(file.putObject("plainMillis"), result.plain());
            ResultFile.spread(file.putObject("prunedMillis"), result.pruned());
            file.put("timeRatio", result.timeRatio()).put("flopsRatio", result.flopsRatio());
            file.put("paid", result.paid());
          });
    }
    return 0;
  }

  private void print(Result result, int depth, int[] counts, PruningPlan plan) {
    out.println();
    out.println(Machine.here());
    out.printf(
        "prefill of %d layers, %d tokens of a picture and %d of text, %d threads, %d pairs%n",
        depth, imageTokens, textTokens, threads, pairs);
    Table table = new Table().row("", "median ms", "low", "high", "GFLOP", "GFLOP/s");
    row(table, "no drops", result.plain(), result.plainFlops());
    row(table, "pyramid", result.pruned(), result.prunedFlops());
    table.lines().forEach(out::println);
    Table each = new Table().row("layer", "image tokens", "no drops ms", "pyramid ms");
    for (int i = 0; i < depth; i++) {
      each.row(
          String.valueOf(i),
          String.valueOf(counts[plan.schedule(depth).stageOf(i)]),
          "%.1f".formatted(result.layers().get(i)[0]),
          "%.1f".formatted(result.layers().get(i)[1]));
    }
    each.lines().forEach(out::println);
    out.printf(
        "time ratio %.3f (pair by pair %.3f to %.3f), FLOPs ratio %.3f: %.3f of the saving came back%n",
        result.timeRatio(),
        result.pairRatios().low(),
        result.pairRatios().high(),
        result.flopsRatio(),
        result.paid());
  }

  private static void row(Table table, String name, Spread spread, double flops) {
    table.row(
        name,
        "%.0f".formatted(spread.median()),
        "%.0f".formatted(spread.low()),
        "%.0f".formatted(spread.high()),
        "%.1f".formatted(flops / 1e9),
        "%.1f".formatted(flops / 1e6 / spread.median()));
  }
}
