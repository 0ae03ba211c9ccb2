package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/**
 * Opens a GPU, loads weights, asks twice and closes, while one call of the driver is to fail. The
 * failure has to be one exception; a step that fails is tried again, and then has to succeed, or to
 * say that the GPU is lost.
 */
final class FaultyRun {
  private static final int WIDTH = 64;

  private final boolean fatal;
  private final List<Weight> weights = new ArrayList<>();
  private @Nullable DeviceException failure;
  private float[] answer = new float[0];

  /**
   * Prepares.
   *
   * @param fatal whether the GPU can't be used after the failure
   */
  FaultyRun(boolean fatal) {
    this.fatal = fatal;
  }

  /** What the last question that was answered gave; by a GPU that was lost, what another gives. */
  float[] run() {
    Kernels kernels;
    try {
      kernels = TestGpu.open(DType.BFLOAT16);
    } catch (DeviceException e) {
      hear(e);
      // What failed is gone, so this is another start.
      kernels = TestGpu.open(DType.BFLOAT16);
      use(kernels, false);
      return answer;
    }
    use(kernels, fatal);
    return answer;
  }

  private void use(Kernels kernels, boolean loses) {
    step(loses, () -> load(kernels));
    step(loses, () -> ask(kernels));
    step(loses, () -> ask(kernels));
    boolean lost = loses && failure != null;
    for (Weight weight : weights) {
      close(weight::close, lost);
    }
    close(kernels::close, lost);
    if (loses && answer.length == 0) {
      // The next process gets its answer.
      try (Kernels next = TestGpu.open(DType.BFLOAT16)) {
        weights.clear();
        load(next);
        ask(next);
        weights.forEach(Weight::close);
      }
    }
  }

  private void step(boolean loses, Runnable work) {
    for (int attempt = 0; attempt < 2; attempt++) {
      boolean lost = loses && failure != null;
      try {
        work.run();
        assertThat(lost).as("works on a lost GPU").isFalse();
        return;
      } catch (DeviceException e) {
        if (lost) {
          assertThat(e).hasMessageContaining("the GPU is lost to this process");
          assertThat(e.getSuppressed()).isEmpty();
        } else {
          hear(e);
        }
      }
    }
    assertThat(loses).as("fails twice").isTrue();
  }

  private void close(Runnable close, boolean lost) {
    try {
      close.run();
    } catch (DeviceException e) {
      assertThat(lost).as("closing a lost GPU is quiet").isFalse();
      hear(e);
    }
  }

  private void hear(DeviceException e) {
    if (failure != null) {
      throw new AssertionError("there was a failure before this one: " + failure.getMessage(), e);
    }
    assertThat(e.getSuppressed()).isEmpty();
    failure = e;
  }

  private void load(Kernels kernels) {
    assertThat(weights).isEmpty();
    try {
      weights.add(weight(kernels, WIDTH, 1));
      weights.add(weight(kernels, 2 * WIDTH, WIDTH));
      weights.add(weight(kernels, WIDTH, 2 * WIDTH));
      // Large enough to be read by several threads.
      weights.add(weight(kernels, 3000, WIDTH));
    } catch (RuntimeException e) {
      weights.forEach(Weight::close);
      weights.clear();
      throw e;
    }
  }

  private static Weight weight(Kernels kernels, int rows, int columns) {
    float[] values = numbers(rows * columns, 17);
    return kernels.weight(List.of(Stored.matrix(DType.BFLOAT16, values, columns)));
  }

  /** Numbers around 0 that every type holds. */
  private static float[] numbers(int count, int period) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (i % period - period / 2) / 16f;
    }
    return numbers;
  }

  private void ask(Kernels kernels) {
    float[] values = numbers(8 * WIDTH, 23);
    try (Tensor x = kernels.allocate(8, WIDTH);
        Tensor out = kernels.allocate(4, WIDTH);
        Indices rows = kernels.indices(5, 0, 7, 2)) {
      kernels.upload(values, x);
      try (Recording recording = kernels.record(() -> layer(kernels, x, rows, out))) {
        recording.run();
        recording.run();
        answer = kernels.download(out);
      }
    }
  }

  private void layer(Kernels kernels, Tensor x, Indices rows, Tensor out) {
    try (Tensor normed = kernels.allocate(8, WIDTH);
        Tensor inner = kernels.allocate(8, 2 * WIDTH)) {
      kernels.rmsNorm(x, weights.get(0), 1e-5f, normed);
      kernels.linear(normed, weights.get(1), null, Activation.NONE, inner);
      kernels.linear(inner, weights.get(2), null, Activation.ADD, x);
      kernels.gatherRows(x, rows, out);
    }
  }
}
