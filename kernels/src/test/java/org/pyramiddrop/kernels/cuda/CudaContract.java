package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.AllOperations;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.KernelsContract;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** What the CUDA backend holds beyond the contract, for each type it computes in. */
abstract class CudaContract extends KernelsContract {
  private final DType dtype;

  CudaContract(DType dtype) {
    this.dtype = dtype;
  }

  @Override
  protected Kernels open() {
    // Blocks of the exact size, so that whatever checks memory sees every access outside of them.
    return open(new CudaOptions(true, false));
  }

  private Kernels open(CudaOptions options) {
    TestGpu.prepare();
    // What every GPU runs; CudaHopperContract has what only some do.
    return TestGpu.open(dtype, options.withHopper(false));
  }

  @Override
  protected double tolerance() {
    return dtype == DType.FLOAT32 ? 1e-5 : 1e-3;
  }

  @Test
  void computesInTheTypeAskedFor() {
    assertThat(device().kernels().dtype()).isEqualTo(dtype);
    assertThat(device().kernels().description()).startsWith("cuda, ");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> device().kernels().allocate(other(), 1, 1))
        .withMessageContaining(other().name());
  }

  private DType other() {
    return dtype == DType.FLOAT16 ? DType.BFLOAT16 : DType.FLOAT16;
  }

  @Test
  void refusesATensorOfTheWrongType() {
    if (dtype == DType.FLOAT32) {
      return; // There is only one type then.
    }
    Kernels kernels = device().kernels();
    try (Tensor wide = kernels.allocate(DType.FLOAT32, 2, 2);
        Tensor x = kernels.allocate(2, 2);
        Weight w = kernels.weight(List.of(Stored.matrix(dtype, new float[2], 1)))) {
      assertThatIllegalArgumentException().isThrownBy(() -> kernels.copy(wide, x));
      assertThatIllegalArgumentException().isThrownBy(() -> kernels.rmsNorm(wide, w, 1, x));
      assertThatIllegalArgumentException().isThrownBy(() -> kernels.rmsNorm(x, w, 1, wide));
    }
  }

  @Test
  void givesNaNForNumbersThatPointOutside() {
    Kernels kernels = device().kernels();
    float[] seven = new float[12];
    Arrays.fill(seven, 7);
    try (Tensor whole = kernels.allocate(3, 4);
        Tensor out = kernels.allocate(3, 4);
        Weight table = kernels.weight(List.of(Stored.matrix(DType.FLOAT32, seven, 4)))) {
      for (int wrong : new int[] {-1, 3, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        try (Indices rows = kernels.indices(0, wrong, 2)) {
          kernels.upload(seven, whole);
          kernels.gatherRows(whole, rows, out);
          assertMiddleIsNaN(kernels.download(out));
          kernels.upload(seven, out);
          kernels.embed(table, rows, out);
          assertMiddleIsNaN(kernels.download(out));
        }
      }
      try (Rotary rotary = kernels.rotary(4, 10_000, 8);
          Indices positions = kernels.indices(0, 8, 0)) {
        kernels.upload(seven, out);
        kernels.rotate(out, 1, rotary, positions);
        assertMiddleIsNaN(kernels.download(out));
        rotatesToNaN(kernels, rotary, positions);
      }
      try (Indices last = kernels.indices(0, -1, 2)) {
        Heads heads = new Heads(1, 1, 4);
        kernels.attention(whole, heads, whole, whole, new Mask.UpTo(last), out);
        assertMiddleIsNaN(kernels.download(out));
      }
    }
  }

  @Test
  void cutsTakeNumbersThatPointOutsideForNoRow() {
    Kernels kernels = device().kernels();
    Heads one = new Heads(1, 1, 4);
    float[] values = {1, 0, 0, 0, 7, 7, 7, 7, 0, 0, 1, 0};
    try (Tensor x = kernels.allocate(3, 4);
        Tensor wide = kernels.allocate(DType.FLOAT32, 3, 4);
        Tensor scores = kernels.allocate(DType.FLOAT32, 1, 3);
        Tensor out = kernels.allocate(3, 4);
        Indices all = kernels.indices(0, 1, 2)) {
      kernels.upload(values, x);
      kernels.averageHeads(x, one, wide);
      kernels.upload(new float[] {-1, -2, -3}, scores);
      for (int wrong : new int[] {-1, 3, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        try (Indices rows = kernels.indices(0, wrong, 2);
            Indices none = kernels.indices();
            Indices to = kernels.indices(9, 9, 9)) {
          kernels.mergeRows(x, rows, none, none, out);
          assertMiddleIsNaN(kernels.download(out));
          // Row 1 is merged with no row; what goes into no target is left out.
          kernels.mergeRows(x, all, rows, owned(0, 1, wrong), out);
          assertMiddleIsNaN(kernels.download(out));
          assertThat(kernels.download(out.rows(0, 1))).containsExactly(2, 0, 0, 0);
          assertThat(kernels.download(out.rows(2, 1))).containsExactly(0, 0, 1, 0);
          kernels.nearest(wide, rows, all, to);
          assertThat(kernels.download(to)).containsExactly(0, 0, 2);
          kernels.nearest(wide, all, rows, to);
          assertThat(kernels.download(to)).containsExactly(0, 0, 2);
          kernels.splitTopK(scores, rows, 2, to);
          assertThat(kernels.download(to)).containsExactly(0, 2, wrong);
        }
      }
    }
  }

  private Indices owned(int... numbers) {
    return device().owned(device().kernels().indices(numbers));
  }

  /** More choices than a panel has, and lengths whose squares float32 has no room for. */
  @Test
  void choosesRowsOfAnyLengthInManyPanels() {
    Kernels kernels = device().kernels();
    int rows = 90;
    float[] x = new float[rows * rows];
    float[] relevance = new float[rows];
    for (int r = 0; r < rows; r++) {
      double length = dtype == DType.FLOAT16 ? 1e-4 + r * 600 : Math.pow(10, 0.8 * (r - 45));
      x[r * rows + r] = Stored.round(dtype, (float) length);
      // All rows are at right angles, so the most relevant are chosen, however long they are.
      relevance[r] = r % 3 == 0 ? 0.9f - r * 1e-3f : 1e-3f * r;
    }
    int[] expected = IntStream.range(0, rows).filter(r -> r % 3 == 0 || r > 29).toArray();
    try (Tensor from = kernels.allocate(rows, rows);
        Tensor ranks = kernels.allocate(DType.FLOAT32, 1, rows);
        Indices out = kernels.indices(new int[expected.length]);
        Indices diverse = kernels.indices(new int[60])) {
      kernels.upload(x, from);
      kernels.upload(relevance, ranks);
      kernels.selectDeterminantal(from, ranks, out);
      assertThat(kernels.download(out)).isEqualTo(expected);
      kernels.selectDiverse(from, diverse);
      assertThat(kernels.download(diverse)).isEqualTo(IntStream.range(0, 60).toArray());
    }
  }

  private static void rotatesToNaN(Kernels kernels, Rotary rotary, Indices positions) {
    float[] sevens = new float[36];
    Arrays.fill(sevens, 7);
    try (Tensor qkv = kernels.allocate(3, 12);
        Tensor keys = kernels.allocate(3, 4);
        Tensor values = kernels.allocate(3, 4);
        Indices rows = kernels.indices(0, 1, 2)) {
      kernels.upload(sevens, qkv);
      kernels.rotateAndStore(qkv, new Heads(1, 1, 4), rotary, positions, rows, keys, values);
      assertMiddleIsNaN(kernels.download(keys));
      assertThat(kernels.download(values)).containsOnly(7);
      float[] x = kernels.download(qkv);
      for (int i = 0; i < x.length; i++) {
        boolean wrong = i / 12 == 1 && i % 12 < 4;
        assertThat(Float.isNaN(x[i])).as("column %d of row %d", i % 12, i / 12).isEqualTo(wrong);
      }
    }
  }

  private static void assertMiddleIsNaN(float[] values) {
    for (int i = 0; i < values.length; i++) {
      assertThat(Float.isNaN(values[i])).as("row %d is NaN", i / 4).isEqualTo(i / 4 == 1);
    }
  }

  @Test
  void givesTheSameBitsWithAndWithoutGraphs() {
    try (Kernels graphs = open(CudaOptions.defaults());
        Kernels none = open(new CudaOptions(false, true))) {
      Map<String, float[]> expected = AllOperations.of(none, "graphs", 1);
      AllOperations.of(graphs, "graphs", 1)
          .forEach((what, bits) -> assertThat(bits).as(what).isEqualTo(expected.get(what)));
    }
  }

  @Test
  void namesWhatNoGpuHasRoomFor() {
    Kernels kernels = device().kernels();
    float[] values = {1, 2};
    try (Tensor kept = kernels.allocate(1, 2)) {
      kernels.upload(values, kept);
      assertThatExceptionOfType(DeviceException.class)
          .isThrownBy(() -> kernels.allocate(2_000_000_000, 1000))
          .withMessageMatching("(?s).*no room for a further [0-9.]+ MiB: [0-9.]+ of .* free.*");
      assertThat(kernels.download(kept)).isEqualTo(values);
    }
  }

  @Test
  void refusesARecordingThatKeepsWhatItAllocates() {
    Kernels kernels = device().kernels();
    assertThatIllegalStateException()
        .isThrownBy(() -> kernels.record(() -> kernels.allocate(1, 1)).run())
        .withMessageContaining("close what it allocates");
  }

  @Test
  void refusesInsideARecordingWhatItCouldNotRepeat() {
    Kernels kernels = device().kernels();
    Tensor x = device().owned(kernels.allocate(1, 1));
    Rotary longer = device().owned(kernels.rotary(2, 10_000, 20_000));
    List<Runnable> all =
        List.of(
            () -> kernels.download(x),
            () -> kernels.upload(new float[1], x),
            () -> kernels.indices(1),
            () -> kernels.rotary(2, 10_000, 3),
            () -> longer.cover(20_000),
            () -> kernels.weight(List.of(Stored.matrix(dtype, new float[1], 1))),
            () -> kernels.record(() -> {}));
    for (Runnable work : all) {
      assertThatIllegalStateException().isThrownBy(() -> kernels.record(work));
    }
    kernels.upload(new float[] {3}, x);
    assertThat(kernels.download(x)).containsExactly(3);
  }

  @Test
  void mayBeUsedFromAnyThreadInTurn() throws InterruptedException {
    Kernels kernels = device().kernels();
    Tensor x = device().owned(kernels.allocate(1, 3));
    Tensor out = device().owned(kernels.allocate(1, 3));
    try (Recording recording = kernels.record(() -> kernels.copy(x, out))) {
      AtomicReference<float[]> read = new AtomicReference<>();
      Thread platform = Thread.ofPlatform().start(() -> kernels.upload(new float[] {1, 2, 3}, x));
      platform.join();
      Thread running =
          Thread.ofVirtual()
              .start(() -> {
                // An interrupt must not tear a thread away from what the GPU still does for it.
                Thread.currentThread().interrupt();
                recording.run();
                read.set(kernels.download(out));
              });
      running.join();
      assertThat(read.get()).containsExactly(1, 2, 3);
    }
  }

  @Test
  void refusesWorkOnceClosed() {
    Kernels kernels = open(CudaOptions.defaults());
    Tensor x = kernels.allocate(1, 1);
    kernels.close();
    assertThatIllegalStateException().isThrownBy(() -> kernels.download(x));
    assertThatIllegalStateException().isThrownBy(() -> kernels.allocate(1, 1));
  }
}
