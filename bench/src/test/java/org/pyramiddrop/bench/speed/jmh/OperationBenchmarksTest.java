package org.pyramiddrop.bench.speed.jmh;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.kernels.Tensor;

/** Benchmarks of an image's way to the decoder, and of what a drop takes, compute what they say. */
@ExtendWith(FreshBenchFolder.class)
class OperationBenchmarksTest {
  @Test
  void theTowersLayerIsTheReferences() {
    VisionBenchmark benchmark = BenchmarkRun.tiny(new VisionBenchmark());
    benchmark.part = VisionBenchmark.Part.TOWER_LAYER;
    benchmark.setUp();
    BenchmarkRun.holdsTo(
        benchmark::image,
        () -> benchmark.kernels.download(benchmark.features),
        () ->
            VisionReference.features(
                BenchmarkRun.checkpoint(), ModelSize.TINY.shape().vision(), benchmark.pixels),
        2e-5);
    benchmark.tearDown();
  }

  @Test
  void theProjectorIsTheReferences() {
    VisionBenchmark benchmark = BenchmarkRun.tiny(new VisionBenchmark());
    benchmark.part = VisionBenchmark.Part.PROJECTOR;
    benchmark.setUp();
    BenchmarkRun.holdsTo(
        benchmark::image,
        () -> benchmark.kernels.download(benchmark.embeddings),
        () ->
            VisionReference.projected(
                BenchmarkRun.checkpoint(),
                benchmark.kernels.download(benchmark.features),
                ModelSize.TINY.shape().vision().hiddenSize()),
        2e-5);
    benchmark.tearDown();
  }

  private static DropBenchmark drop(DropBenchmark.Part part) {
    DropBenchmark benchmark = BenchmarkRun.tiny(new DropBenchmark());
    benchmark.part = part;
    benchmark.imageTokens = 21;
    // Two inputs of 81 rows take turns.
    benchmark.cached = 81L * 4 * (part == DropBenchmark.Part.RANKING ? 24 : 72);
    benchmark.setUp();
    return benchmark;
  }

  @Test
  void rankingScoresTheKeysWhoseTurnItIs() {
    DropBenchmark benchmark = drop(DropBenchmark.Part.RANKING);
    Set<Tensor> seen = new HashSet<>();
    for (int i = 0; i < 4; i++) {
      benchmark.drop();
      seen.add(benchmark.inputs.get(benchmark.turn));
      double[] query = Reference.doubles(benchmark.kernels.download(benchmark.query));
      double[] keys =
          Reference.doubles(benchmark.kernels.download(benchmark.inputs.get(benchmark.turn)));
      BenchmarkRun.assertClose(
          benchmark.kernels.download(benchmark.scores),
          Reference.scores(query, keys, benchmark.heads),
          1e-6);
    }
    assertThat(seen).hasSize(2);
    benchmark.tearDown();
  }

  @Test
  void selectionChoosesHalfOfTheImagesTokens() {
    DropBenchmark benchmark = drop(DropBenchmark.Part.SELECTION);
    double[] scores = Reference.doubles(benchmark.kernels.download(benchmark.scores));
    int[] expected = Reference.highest(scores, ModelWork.TEXT_TOKENS / 2, 21, 10);
    for (int i = 0; i < 2; i++) {
      benchmark.drop();
      assertThat(benchmark.kernels.download(benchmark.chosen)).containsExactly(expected);
    }
    benchmark.tearDown();
  }

  @Test
  void gatherTakesTheChosenRows() {
    DropBenchmark benchmark = drop(DropBenchmark.Part.GATHER);
    double[] scores = Reference.doubles(benchmark.kernels.download(benchmark.scores));
    int[] rows = Reference.highest(scores, ModelWork.TEXT_TOKENS / 2, 21, 10);
    Set<Tensor> seen = new HashSet<>();
    for (int i = 0; i < 4; i++) {
      benchmark.drop();
      seen.add(benchmark.inputs.get(benchmark.turn));
      double[] from =
          Reference.doubles(benchmark.kernels.download(benchmark.inputs.get(benchmark.turn)));
      assertThat(Arrays.stream(from).distinct().count()).isGreaterThan(1000);
      BenchmarkRun.assertClose(
          benchmark.kernels.download(benchmark.gathered), Reference.rows(from, rows, 72), 0);
    }
    assertThat(seen).hasSize(2);
    benchmark.tearDown();
  }

  /** Cosines of all rows with each other. */
  private static double[][] cosines(double[] x, int rows) {
    int columns = x.length / rows;
    double[][] cosines = new double[rows][rows];
    double[] norms = new double[rows];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = 0;
        for (int c = 0; c < columns; c++) {
          sum += x[i * columns + c] * x[j * columns + c];
        }
        cosines[i][j] = sum;
        cosines[j][i] = sum;
      }
      norms[i] = Math.sqrt(cosines[i][i]);
    }
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < rows; j++) {
        cosines[i][j] /= norms[i] * norms[j];
      }
    }
    return cosines;
  }

  @Test
  void maxMinChoosesTheRowsThatAreFarthestApart() {
    DropBenchmark benchmark = drop(DropBenchmark.Part.MAX_MIN);
    benchmark.drop();
    double[] from =
        Reference.doubles(benchmark.kernels.download(benchmark.inputs.get(benchmark.turn)));
    double[][] cosines = cosines(from, 21);
    ToDoubleFunction<Integer> nearest =
        row ->
            IntStream.range(0, 21)
                .filter(other -> other != row)
                .mapToDouble(other -> cosines[row][other])
                .max()
                .orElseThrow();
    int first =
        IntStream.range(0, 21).boxed().min(Comparator.comparingDouble(nearest)).orElseThrow();
    int second =
        IntStream.range(0, 21)
            .filter(row -> row != first)
            .boxed()
            .min(Comparator.comparingDouble(row -> cosines[row][first]))
            .orElseThrow();
    assertThat(benchmark.kernels.download(benchmark.chosen))
        .containsExactly(Math.min(first, second), Math.max(first, second));
    benchmark.tearDown();
  }

  @Test
  void determinantalChoosesTheMostRelevantRowAndOneUnlikeIt() {
    DropBenchmark benchmark = drop(DropBenchmark.Part.DETERMINANTAL);
    benchmark.drop();
    double[] relevance = Reference.doubles(benchmark.kernels.download(benchmark.scores));
    double[] from =
        Reference.doubles(benchmark.kernels.download(benchmark.inputs.get(benchmark.turn)));
    double[][] cosines = cosines(from, 21);
    int first = Reference.highest(relevance, 0, 21, 1)[0];
    int second =
        IntStream.range(0, 21)
            .filter(row -> row != first)
            .boxed()
            .max(
                Comparator.comparingDouble(row ->
                    relevance[row]
                        * relevance[row]
                        * (1 - cosines[row][first] * cosines[row][first])))
            .orElseThrow();
    assertThat(benchmark.kernels.download(benchmark.chosen))
        .containsExactly(Math.min(first, second), Math.max(first, second));
    benchmark.tearDown();
  }

  @Test
  void visionZipMergesWhatItDoesNotKeep() {
    DropBenchmark benchmark = drop(DropBenchmark.Part.VISION_ZIP);
    float[] before = benchmark.kernels.download(benchmark.gathered);
    Arrays.fill(before, Float.NaN);
    benchmark.kernels.upload(before, benchmark.gathered);
    benchmark.drop();
    assertThat(benchmark.kernels.download(benchmark.gathered)).doesNotContain(Float.NaN);
    benchmark.tearDown();
  }
}
