package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** How many kernels an operation is on a GPU; only the emulated driver counts them. */
class CudaLaunchesTest {
  private Kernels kernels;

  @BeforeEach
  void open() {
    assumeFalse(TestGpu.isReal(), "a real driver doesn't count launches");
    TestGpu.prepare();
    kernels = TestGpu.open(DType.BFLOAT16);
  }

  @AfterEach
  void close() {
    if (!TestGpu.isReal()) {
      kernels.close();
    }
  }

  private static long launches(Runnable work) {
    long before = TestGpu.hook("emulated_launches");
    work.run();
    return TestGpu.hook("emulated_launches") - before;
  }

  private Weight weight(int rows, int columns) {
    float[] values = new float[rows * columns];
    return kernels.weight(List.of(Stored.matrix(DType.BFLOAT16, values, columns)));
  }

  @Test
  void aProductOfAFewNormedRowsIsOne() {
    try (Weight norm = weight(512, 1);
        Weight w = weight(64, 512)) {
      for (int rows : new int[] {1, 4}) {
        try (Tensor x = kernels.allocate(rows, 512);
            Tensor out = kernels.allocate(rows, 64);
            Tensor gated = kernels.allocate(rows, 32)) {
          assertThat(launches(() -> kernels.normLinear(x, norm, 1, w, null, out))).isOne();
          assertThat(launches(() -> kernels.normSwiGlu(x, norm, 1, w, gated))).isOne();
        }
      }
    }
  }

  /** Of more rows too: blocks are widened where they are multiplied, and nowhere else. */
  @ParameterizedTest
  @EnumSource(names = {"INT8", "INT4"})
  void aProductByBlocksIsOne(DType blocks) {
    MemorySegment zeros = Arena.ofAuto().allocate(blocks.bytes(64, 512));
    try (Weight norm = weight(512, 1);
        Weight w = kernels.weight(List.of(new HostMatrix(blocks, zeros, 64, 512)))) {
      for (int rows : new int[] {1, 4, 5, 70}) {
        try (Tensor x = kernels.allocate(rows, 512);
            Tensor out = kernels.allocate(rows, 64);
            Tensor gated = kernels.allocate(rows, 32)) {
          int ofNorm = rows <= 4 ? 1 : 2;
          assertThat(launches(() -> kernels.linear(x, w, null, Activation.ADD, out))).isOne();
          assertThat(launches(() -> kernels.swiGlu(x, w, gated))).isOne();
          assertThat(launches(() -> kernels.normLinear(x, norm, 1, w, null, out)))
              .isEqualTo(ofNorm);
          assertThat(launches(() -> kernels.normSwiGlu(x, norm, 1, w, gated))).isEqualTo(ofNorm);
        }
      }
    }
  }

  /** Rows of odd length have no whole accesses; long ones don't fit into shared memory. */
  @Test
  void aProductOfOtherNormedRowsIsTwo() {
    for (int inputs : new int[] {511, 16_384}) {
      try (Weight norm = weight(inputs, 1);
          Weight w = weight(64, inputs);
          Tensor x = kernels.allocate(4, inputs);
          Tensor gated = kernels.allocate(4, 32)) {
        assertThat(launches(() -> kernels.normSwiGlu(x, norm, 1, w, gated))).isEqualTo(2);
      }
    }
  }

  @Test
  void rotatingAndStoringIsOne() {
    try (Tensor qkv = kernels.allocate(1, 128);
        Tensor keys = kernels.allocate(9, 32);
        Tensor values = kernels.allocate(9, 32);
        Rotary rotary = kernels.rotary(16, 10_000, 9);
        Indices at = kernels.indices(8)) {
      Heads heads = new Heads(4, 2, 16);
      assertThat(launches(() -> kernels.rotateAndStore(qkv, heads, rotary, at, at, keys, values)))
          .isOne();
    }
  }

  @Test
  void aDecodeStepsRowMeetsItsCacheInOne() {
    try (Tensor qkv = kernels.allocate(1, 128);
        Tensor keys = kernels.allocate(300, 32);
        Tensor values = kernels.allocate(300, 32);
        Tensor out = kernels.allocate(1, 64);
        Rotary rotary = kernels.rotary(16, 10_000, 300);
        Indices at = kernels.indices(280)) {
      Heads heads = new Heads(4, 2, 16);
      assertThat(
              launches(() -> kernels.storeAndAttend(qkv, heads, rotary, at, at, keys, values, out)))
          .isOne();
    }
  }

  /** One whatever the number of sequences, which lie where a product left them. */
  @Test
  void attentionWithinSequencesIsOne() {
    try (Tensor qkv = kernels.allocate(5 * 17, 3 * 128);
        Tensor out = kernels.allocate(5 * 17, 128);
        Tensor pixels = kernels.allocate(DType.FLOAT32, 5, 3 * 64);
        Tensor patches = kernels.allocate(5 * 17, 16)) {
      assertThat(launches(() -> kernels.selfAttention(qkv, new Heads(2, 2, 64), 5, out))).isOne();
      assertThat(launches(() -> kernels.patches(pixels, 3, 2, 1, patches))).isOne();
    }
  }

  @Test
  void attentionOfAFewRowsIsOneAndScoringIsTwo() {
    try (Tensor q = kernels.allocate(3, 64);
        Tensor keys = kernels.allocate(500, 32);
        Tensor out = kernels.allocate(3, 64);
        Tensor scores = kernels.allocate(DType.FLOAT32, 1, 500)) {
      Heads heads = new Heads(4, 2, 16);
      Mask full = new Mask.Full();
      assertThat(launches(() -> kernels.attention(q, heads, keys, keys, full, out))).isOne();
      assertThat(launches(() -> kernels.scoreTokens(q.rows(0, 1), heads, keys, scores)))
          .isEqualTo(2);
    }
  }

  @Test
  void attentionReceivedIsThreeWhateverTheSize() {
    for (int size : new int[] {16, 64}) {
      try (Tensor q = kernels.allocate(70, 2 * size);
          Tensor keys = kernels.allocate(90, 2 * size);
          Tensor scores = kernels.allocate(DType.FLOAT32, 1, 90)) {
        Heads heads = new Heads(2, 2, size);
        assertThat(launches(() -> kernels.scoreTokens(q, heads, keys, scores))).isEqualTo(3);
      }
    }
  }

  @Test
  void cutsAreAFew() {
    try (Tensor x = kernels.allocate(90, 16);
        Tensor wide = kernels.allocate(DType.FLOAT32, 90, 16);
        Tensor scores = kernels.allocate(DType.FLOAT32, 1, 90);
        Tensor text = kernels.allocate(5, 16);
        Tensor merged = kernels.allocate(3, 16);
        Indices three = kernels.indices(1, 2, 3);
        Indices others = kernels.indices(4, 5, 6);
        Indices out = kernels.indices(0, 0, 0);
        Indices many = kernels.indices(new int[90])) {
      kernels.upload(new float[90 * 16], wide);
      assertThat(launches(() -> kernels.averageHeads(x, new Heads(1, 1, 16), wide))).isOne();
      assertThat(launches(() -> kernels.nearest(wide, three, others, out))).isEqualTo(2);
      assertThat(launches(() -> kernels.mergeRows(x, three, others, out, merged))).isOne();
      assertThat(launches(() -> kernels.splitTopK(scores, three, 2, out))).isOne();
      assertThat(launches(() -> kernels.sortPlaces(three, out))).isOne();
      assertThat(launches(() -> kernels.relevance(x, text, scores))).isEqualTo(3);
      assertThat(launches(() -> kernels.selectDiverse(x, many))).isEqualTo(4);
      // Two a panel of 32 choices, but for the last.
      assertThat(launches(() -> kernels.selectDeterminantal(x, scores, out))).isEqualTo(3);
      assertThat(launches(() -> kernels.selectDeterminantal(x, scores, many))).isEqualTo(7);
    }
  }
}
