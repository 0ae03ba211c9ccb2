package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.List;
import org.junit.jupiter.api.Test;

/** {@link Kernels#record}. */
interface RecordingContract extends ContractPart {
  @Test
  default void repeatsWorkOnWhatItsTensorsHoldNow() {
    Kernels kernels = kernels();
    Tensor x = device().owned(kernels.allocate(3, 4));
    Tensor out = device().owned(kernels.allocate(2, 4));
    Indices rows = device().indices(0, 1);
    try (Recording recording =
        kernels.record(() -> {
          try (Tensor picked = kernels.allocate(2, 4);
              Tensor copy = kernels.allocate(2, 4)) {
            kernels.gatherRows(x, rows, picked);
            kernels.copy(picked, copy);
            kernels.copy(copy, out);
          }
        })) {
      for (int[] choice : new int[][] {{2, 0}, {1, 1}, {0, 2}}) {
        float[] values = random().normal(12, 1);
        kernels.upload(values, x);
        kernels.upload(choice, rows);
        kernels.upload(new float[8], out);
        recording.run();
        recording.run();
        float[] expected = new float[8];
        for (int i = 0; i < 8; i++) {
          expected[i] = values[choice[i / 4] * 4 + i % 4];
        }
        assertThat(kernels.download(out)).isEqualTo(expected);
      }
    }
  }

  @Test
  default void repeatsAttentionOfOneRowOverWhatItSeesNow() {
    Heads heads = new Heads(4, 2, 16);
    int room = 300;
    float[] keys = random().normal(room * 32, 1);
    float[] values = random().normal(room * 32, 1);
    Tensor k = device().input(keys, 32);
    Tensor v = device().input(values, 32);
    Tensor q = device().owned(kernels().allocate(1, 64));
    Tensor scores = device().owned(kernels().allocate(DType.FLOAT32, 1, room));
    Indices last = device().indices(0);
    Output out = device().output(1, 64);
    Mask mask = new Mask.UpTo(last);
    try (Recording recording =
        kernels()
            .record(() -> {
              kernels().attention(q, heads, k, v, mask, out.view());
              kernels().scoreTokens(q, heads, k, scores);
            })) {
      for (int visible : new int[] {300, 1, 170, 40, 299}) {
        float[] query = random().normal(64, 1);
        kernels().upload(query, q);
        kernels().upload(new int[] {visible - 1}, last);
        recording.run();
        recording.run();
        int[] sees = {visible};
        device()
            .check(
                "attention to %d keys".formatted(visible),
                out,
                Reference.attention(query, 64, heads, keys, values, sees));
        Reference.scoreTokens(query, 64, heads, keys)
            .check("scores", DType.FLOAT32, kernels().download(scores), device().tolerance());
      }
    }
  }

  /** The first run is the work itself; the recording repeats it. */
  @Test
  default void runsWhileItRecords() {
    float[] values = random().normal(64, 1);
    Tensor x = device().owned(kernels().allocate(8, 8));
    Output out = device().output(8, 8);
    kernels().upload(values, x);
    try (Recording recording = kernels().runAndRecord(() -> throughScratch(x, out.view()))) {
      device().check("the first run", out, Expected.exactly(values, 8));
      float[] others = random().normal(64, 1);
      kernels().upload(others, x);
      device().check("nothing ran since", out, Expected.exactly(values, 8));
      recording.run();
      device().check("the second run", out, Expected.exactly(others, 8));
    }
  }

  @Test
  default void recordingsDoNotDisturbEachOther() {
    Kernels kernels = kernels();
    float[] values = random().normal(64, 1);
    Tensor x = device().input(values, 8);
    Tensor first = device().owned(kernels.allocate(8, 8));
    Tensor second = device().owned(kernels.allocate(8, 8));
    Tensor held = device().owned(kernels.allocate(8, 8));
    try (Recording one = kernels.record(() -> throughScratch(x, first));
        Recording two = kernels.record(() -> throughScratch(x, second))) {
      kernels.upload(values, held);
      one.run();
      try (Tensor between = kernels.allocate(8, 8)) {
        kernels.upload(values, between);
        two.run();
        one.run();
        assertThat(kernels.download(between)).isEqualTo(values);
      }
      assertThat(kernels.download(first)).isEqualTo(values);
      assertThat(kernels.download(second)).isEqualTo(values);
      assertThat(kernels.download(held)).isEqualTo(values);
    }
  }

  private void throughScratch(Tensor x, Tensor out) {
    try (Tensor scratch = kernels().allocate(8, 8)) {
      kernels().copy(x, scratch);
      kernels().copy(scratch, out);
    }
  }

  @Test
  default void aFaultInsideARecordingLeavesTheDeviceUsable() {
    Kernels kernels = kernels();
    Tensor x = device().input(new float[4], 4);
    Tensor out = device().owned(kernels.allocate(1, 4));
    assertThatExceptionOfType(ArithmeticException.class)
        .isThrownBy(() -> {
          try (Recording recording =
              kernels.record(() -> {
                kernels.copy(x, out);
                throw new ArithmeticException("planted");
              })) {
            recording.run();
          }
        });
    kernels.upload(new float[] {1, 2, 3, 4}, out);
    assertThat(kernels.download(out)).containsExactly(1, 2, 3, 4);
    try (Recording recording = kernels.record(() -> kernels.copy(x, out))) {
      recording.run();
      assertThat(kernels.download(out)).containsOnly(0);
    }
  }

  @Test
  default void closesARecordingTwice() {
    Kernels kernels = kernels();
    Tensor x = device().input(new float[4], 4);
    Tensor out = device().owned(kernels.allocate(1, 4));
    for (Recording recording : List.of(kernels.record(() -> kernels.copy(x, out)))) {
      recording.run();
      recording.close();
      recording.close();
    }
    assertThat(kernels.download(out)).containsOnly(0);
  }
}
