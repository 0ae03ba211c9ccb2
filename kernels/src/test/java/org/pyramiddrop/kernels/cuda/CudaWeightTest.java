package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.RandomData;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** Weights that several threads bring to the device, in many parts. */
class CudaWeightTest {
  /** Odd, so that rows, parts and vectors begin at different places. */
  private static final int COLUMNS = 1031;

  /** Of float32 more than two buffers, of the others more than one. */
  private static final int ROWS = 1100;

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void everyNumberArrivesWhateverItsTypes(DType device) {
    TestGpu.prepare();
    try (Kernels kernels = TestGpu.open(device)) {
      for (DType stored : DType.single()) {
        RandomData random = new RandomData("weights " + stored, device);
        float[] first = random.normal(5 * COLUMNS, 1);
        float[] second = random.normal(ROWS * COLUMNS, 1);
        List<HostMatrix> parts =
            List.of(Stored.matrix(stored, first, COLUMNS), Stored.matrix(stored, second, COLUMNS));
        try (Weight weight = kernels.weight(parts);
            Indices all = kernels.indices(IntStream.range(0, weight.rows()).toArray());
            Tensor out = kernels.allocate(weight.rows(), COLUMNS)) {
          kernels.embed(weight, all, out);
          float[] actual = kernels.download(out);
          for (int i = 0; i < actual.length; i++) {
            float value = i < first.length ? first[i] : second[i - first.length];
            float expected = Stored.round(device, Stored.round(stored, value));
            if (actual[i] != expected) {
              assertThat(actual[i])
                  .as("%s to %s, row %d, column %d", stored, device, i / COLUMNS, i % COLUMNS)
                  .isEqualTo(expected);
            }
          }
        }
      }
    }
  }

  /** Planes of several parts, each sent in many pieces, become those of one matrix. */
  @ParameterizedTest
  @EnumSource(names = {"INT8", "INT4"})
  void everyNumberInBlocksArrivesAndTakesNoMoreThanItsBlocks(DType type) {
    TestGpu.prepare();
    try (Kernels kernels = TestGpu.open(DType.FLOAT32)) {
      List<HostMatrix> parts = List.of(blocks(type, 5), blocks(type, ROWS), blocks(type, 1));
      int rows = ROWS + 6;
      int[] all = IntStream.range(0, rows).toArray();
      try (Indices ids = kernels.indices(all);
          Tensor out = kernels.allocate(rows, COLUMNS)) {
        long free = TestGpu.freeBytes();
        Weight weight = kernels.weight(parts);
        if (!TestGpu.isReal()) {
          assertThat(free - TestGpu.freeBytes()).isEqualTo(type.bytes(rows, COLUMNS));
        }
        kernels.embed(weight, ids, out);
        float[] actual = kernels.download(out);
        int at = 0;
        for (HostMatrix part : parts) {
          Blocks blocks = new Blocks(type, part.rows(), COLUMNS);
          for (int i = 0; i < part.rows() * COLUMNS; i++) {
            float expected = blocks.value(part.data(), i / COLUMNS, i % COLUMNS);
            if (actual[at + i] != expected) {
              assertThat(actual[at + i]).as("number %d", at + i).isEqualTo(expected);
            }
          }
          at += part.rows() * COLUMNS;
        }
        Weight view = weight.rows(3, 4);
        weight.close();
        weight.close();
        view.close();
        assertThat(free - TestGpu.freeBytes()).isZero();
        assertThatIllegalStateException()
            .isThrownBy(() -> kernels.embed(view, ids, out.rows(0, rows)));
      }
    }
  }

  /** Any numbers and zeros, and scales that are finite. */
  private static HostMatrix blocks(DType type, int rows) {
    Blocks blocks = new Blocks(type, rows, COLUMNS);
    byte[] bytes = new byte[Math.toIntExact(blocks.bytes())];
    ThreadLocalRandom random = ThreadLocalRandom.current();
    random.nextBytes(bytes);
    MemorySegment data =
        Arena.ofAuto().allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
    for (int row = 0; row < rows; row++) {
      for (int b = 0; b < blocks.perRow(); b++) {
        blocks.scale(data, row, b, random.nextFloat(-4, 4));
      }
    }
    return new HostMatrix(type, data, rows, COLUMNS);
  }

  @Test
  void closingInTheMiddleOfALoadEndsItAndLeavesNothing() throws Exception {
    TestGpu.prepare();
    if (!TestGpu.isReal()) {
      TestGpu.hook("emulated_reset");
    }
    HostMatrix matrix = Stored.matrix(DType.BFLOAT16, new float[ROWS * COLUMNS], COLUMNS);
    Kernels kernels = TestGpu.open(DType.BFLOAT16);
    CountDownLatch begun = new CountDownLatch(3);
    try (ExecutorService other = Executors.newSingleThreadExecutor()) {
      Future<?> load =
          other.submit(() -> {
            List<Weight> weights = new ArrayList<>();
            while (weights.size() < 200) {
              weights.add(kernels.weight(List.of(matrix)));
              begun.countDown();
            }
          });
      begun.await();
      kernels.close();
      assertThat(load)
          .failsWithin(Duration.ofSeconds(60))
          .withThrowableOfType(ExecutionException.class)
          .withCauseInstanceOf(IllegalStateException.class)
          .withMessageContaining("closed");
    }
    assertThat(TestGpu.liveHandles()).isZero();
    StagingTest.assertNoReaderStays();
  }
}
