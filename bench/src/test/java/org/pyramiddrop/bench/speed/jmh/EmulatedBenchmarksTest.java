package org.pyramiddrop.bench.speed.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.EmulatedGpu;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.speed.DeviceCeiling;
import org.pyramiddrop.bench.speed.DeviceScratch;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** Benchmarks record their work on a GPU, several times in a row, and it stays what it is. */
@ExtendWith(FreshBenchFolder.class)
class EmulatedBenchmarksTest {
  @TempDir private Path temp;

  private static <T extends DeviceBenchmark> T cuda(T benchmark) {
    BenchmarkRun.tiny(benchmark).backend = "cuda";
    return benchmark;
  }

  private static DecoderReference reference() {
    return new DecoderReference(BenchmarkRun.checkpoint(), ModelSize.TINY.shape());
  }

  /** What the token is rotated by in a layer. */
  private static int position(DecodeStepBenchmark benchmark, int layer) {
    return benchmark
        .kernels
        .download(benchmark.next.position(benchmark.schedule.stageOf(layer)))[0];
  }

  @Test
  void aLayerBeforeADropIsTheReferences() throws IOException {
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      DecoderLayerBenchmark benchmark = cuda(new DecoderLayerBenchmark());
      benchmark.stage = "5-2";
      benchmark.dtype = DType.FLOAT32;
      benchmark.setUp();
      BenchmarkRun.holdsTo(
          benchmark::layer,
          benchmark.layer::output,
          () -> reference().prefill(benchmark.layer.input(), 30, 5, ModelWork.HALVE, 1),
          1e-4);
      benchmark.tearDown();
    }
  }

  @Test
  void aPrunedPrefillIsTheReferences() throws IOException {
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      PrefillBenchmark benchmark = cuda(new PrefillBenchmark());
      benchmark.imageTokens = 9;
      benchmark.plan = PruningChoice.PYRAMID;
      benchmark.dtype = DType.FLOAT32;
      benchmark.setUp();
      BenchmarkRun.holdsTo(
          benchmark::prefill,
          benchmark.prefill::output,
          () ->
              reference()
                  .logits(
                      reference()
                          .prefill(
                              benchmark.prefill.input(),
                              30,
                              9,
                              PruningChoice.PYRAMID.plan(),
                              ModelSize.LAYERS)),
          1e-4);
      benchmark.tearDown();
    }
  }

  @Test
  void aStepIsTheReferences() throws IOException {
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      DecodeStepBenchmark benchmark = cuda(new DecodeStepBenchmark());
      benchmark.imageTokens = 9;
      benchmark.plan = PruningChoice.FASTV;
      benchmark.dtype = DType.FLOAT32;
      benchmark.setUp();
      BenchmarkRun.holdsTo(
          benchmark::step,
          () -> benchmark.kernels.download(benchmark.logits),
          () ->
              reference()
                  .step(
                      benchmark.id,
                      benchmark.keys,
                      benchmark.values,
                      benchmark::held,
                      layer -> position(benchmark, layer)),
          1e-4);
      benchmark.tearDown();
    }
  }

  @Test
  void theProjectorIsTheReferences() throws IOException {
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      VisionBenchmark benchmark = cuda(new VisionBenchmark());
      benchmark.part = VisionBenchmark.Part.PROJECTOR;
      benchmark.dtype = DType.FLOAT32;
      benchmark.setUp();
      BenchmarkRun.holdsTo(
          benchmark::image,
          () -> benchmark.kernels.download(benchmark.embeddings),
          () ->
              VisionReference.projected(
                  BenchmarkRun.checkpoint(),
                  benchmark.kernels.download(benchmark.features),
                  ModelSize.TINY.shape().vision().hiddenSize()),
          1e-4);
      benchmark.tearDown();
    }
  }

  @Test
  void selectionAndGatherTakeTurnsInsideTheRecording() throws IOException {
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      DropBenchmark benchmark = cuda(new DropBenchmark());
      benchmark.part = DropBenchmark.Part.GATHER;
      benchmark.imageTokens = 12;
      benchmark.dtype = DType.FLOAT32;
      benchmark.cached = 72 * 72 * 4;
      benchmark.setUp();
      assertThat(benchmark.inputs).hasSize(2);
      Kernels kernels = benchmark.kernels;
      double[] scores = Reference.doubles(kernels.download(benchmark.scores));
      int[] rows = Reference.highest(scores, 30, 12, 6);
      assertThat(kernels.download(benchmark.chosen)).containsExactly(rows);
      double[] from = Reference.doubles(kernels.download(benchmark.inputs.get(benchmark.turn)));
      for (int i = 0; i < 2; i++) {
        benchmark.drop();
        BenchmarkRun.assertClose(
            kernels.download(benchmark.gathered), Reference.rows(from, rows, 72), 0);
      }
      benchmark.tearDown();
    }
  }

  @Test
  void aProductIsTheReferences() throws IOException {
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      DecodeProductBenchmark benchmark = cuda(new DecodeProductBenchmark());
      benchmark.projection = Projection.DOWN;
      benchmark.dtype = DType.FLOAT32;
      benchmark.cached = 0;
      benchmark.setUp();
      // One run before the recording, and three in it: the second of two weights comes last.
      double[] x = Reference.doubles(benchmark.product.activations());
      double[] w = Reference.doubles(DType.FLOAT32, benchmark.product.weight(1).data());
      BenchmarkRun.holdsTo(
          benchmark::product, benchmark.product::output, () -> Reference.multiply(x, w, 101), 1e-4);
      benchmark.tearDown();
    }
  }

  @Test
  void theSquareProductIsTheReferences() throws IOException {
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      DeviceCeilingBenchmark benchmark = ceiling(DeviceCeilingBenchmark.Part.SQUARE_PRODUCT);
      Kernels kernels = benchmark.kernels;
      DeviceScratch.Probe probe = benchmark.probe;
      BenchmarkRun.holdsTo(
          benchmark::ceiling,
          () -> kernels.download(probe.out()),
          () ->
              Reference.multiply(
                  Reference.doubles(kernels.download(probe.in())),
                  numbers(kernels, Objects.requireNonNull(probe.weight())),
                  DeviceCeiling.TINY.side()),
          1e-4);
      benchmark.tearDown();
    }
  }

  @Test
  void theReadReadsAllThatItCounts() throws IOException {
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      DeviceCeilingBenchmark benchmark = ceiling(DeviceCeilingBenchmark.Part.READ);
      Kernels kernels = benchmark.kernels;
      float[] in = kernels.download(benchmark.read.from());
      assertThat(in.length * 4.0).isEqualTo(DeviceCeiling.TINY.readBytes(DType.FLOAT32));
      int[] expected = new int[4];
      int part = in.length / expected.length;
      for (int i = 0; i < in.length; i++) {
        expected[i / part] ^= Float.floatToRawIntBits(in[i]);
      }
      assertThat(expected).doesNotContain(0);
      kernels.upload(new int[expected.length], benchmark.read.sums());
      benchmark.ceiling();
      assertThat(kernels.download(benchmark.read.sums())).containsExactly(expected);
      benchmark.tearDown();
    }
  }

  private static DeviceCeilingBenchmark ceiling(DeviceCeilingBenchmark.Part part) {
    DeviceCeilingBenchmark benchmark = cuda(new DeviceCeilingBenchmark());
    benchmark.part = part;
    benchmark.dtype = DType.FLOAT32;
    benchmark.setUp();
    return benchmark;
  }

  /** A weight's rows, by looking each up. */
  private static double[] numbers(Kernels kernels, Weight weight) {
    try (Tensor rows = kernels.allocate(weight.rows(), weight.columns());
        Indices all = kernels.indices(IntStream.range(0, weight.rows()).toArray())) {
      kernels.embed(weight, all, rows);
      return Reference.doubles(kernels.download(rows));
    }
  }

  @Test
  void withoutAGpuABenchmarkSaysWhy() {
    try (EmulatedGpu _ = EmulatedGpu.absent(temp)) {
      PrefillBenchmark benchmark = cuda(new PrefillBenchmark());
      benchmark.imageTokens = 9;
      assertThatThrownBy(benchmark::setUp)
          .isInstanceOf(DeviceException.class)
          .hasMessageContaining("no NVIDIA driver");
    }
  }
}
