package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.AllGradients;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.GradientContract;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Parameter;
import org.pyramiddrop.kernels.RandomData;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;

/** What the CUDA backend's gradients hold beyond the contract, for each type. */
abstract class CudaGradientContract extends GradientContract {
  private final DType dtype;

  CudaGradientContract(DType dtype) {
    this.dtype = dtype;
  }

  @Override
  protected Kernels open() {
    // Blocks of the exact size, so that whatever checks memory sees every access outside of them.
    return open(new CudaOptions(true, false));
  }

  private Kernels open(CudaOptions options) {
    TestGpu.prepare();
    return TestGpu.open(dtype, options.withHopper(false));
  }

  @Override
  protected double tolerance() {
    return dtype == DType.FLOAT32 ? 1e-5 : 1e-3;
  }

  /** Products and attention have many cases, which the CPU and GPUs run all of. */
  @Override
  protected double share() {
    return TestGpu.isReal() ? 1 : 0.08;
  }

  private Tensor filled(int rows, int columns, float value) {
    return filled(dtype, rows, columns, value);
  }

  private Tensor filled(DType type, int rows, int columns, float value) {
    Tensor x = device().owned(device().kernels().allocate(type, rows, columns));
    float[] values = new float[rows * columns];
    Arrays.fill(values, value);
    device().kernels().upload(values, x);
    return x;
  }

  @Test
  void leavesOutRowsThatPointOutside() {
    Kernels kernels = device().kernels();
    GradientKernels gradients = kernels.gradients();
    Tensor x = filled(3, 4, 1);
    for (int wrong : new int[] {-1, 3, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      Tensor rows = filled(3, 4, 7);
      Tensor table = filled(DType.FLOAT32, 3, 4, 7);
      Indices at = device().owned(kernels.indices(0, wrong, 2));
      gradients.addRows(x, at, rows);
      gradients.addToTable(x, at, table);
      for (Tensor sum : List.of(rows, table)) {
        assertThat(kernels.download(sum)).containsExactly(8, 8, 8, 8, 7, 7, 7, 7, 8, 8, 8, 8);
      }
    }
  }

  @Test
  void givesNaNForNumbersThatPointOutside() {
    Kernels kernels = device().kernels();
    GradientKernels gradients = kernels.gradients();
    Rotary rotary = device().owned(kernels.rotary(4, 10_000, 8));
    Tensor x = filled(3, 4, 7);
    for (int wrong : new int[] {-2, 8, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      Indices numbers = device().owned(kernels.indices(0, wrong, 2));
      Tensor turned = filled(3, 4, 7);
      gradients.rotateBack(turned, 1, rotary, numbers);
      assertMiddleIsNaN(kernels.download(turned));
      Tensor logits = filled(DType.FLOAT32, 3, 4, 1);
      Tensor losses = filled(DType.FLOAT32, 3, 1, 0);
      Tensor dLogits = filled(3, 4, 0);
      gradients.crossEntropy(logits, numbers, 1, losses, dLogits);
      assertMiddleIsNaN(kernels.download(losses));
      assertMiddleIsNaN(kernels.download(dLogits));
      Tensor dq = filled(3, 4, 0);
      Tensor dKeys = filled(3, 4, Float.NaN);
      Tensor dValues = filled(3, 4, Float.NaN);
      Heads heads = new Heads(1, 1, 4);
      gradients.attentionGradient(x, heads, x, x, new Mask.UpTo(numbers), x, dq, dKeys, dValues);
      assertMiddleIsNaN(kernels.download(dq));
      assertThat(kernels.download(dKeys)).doesNotContain(Float.NaN);
      assertThat(kernels.download(dValues)).doesNotContain(Float.NaN);
    }
  }

  private static void assertMiddleIsNaN(float[] values) {
    int columns = values.length / 3;
    for (int i = 0; i < values.length; i++) {
      assertThat(Float.isNaN(values[i]))
          .as("row %d is NaN", i / columns)
          .isEqualTo(i / columns == 1);
    }
  }

  @Test
  void refusesHeadsOfMoreChannelsThanItHasRoomFor() {
    Tensor x = filled(2, 130, 1);
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            device()
                .kernels()
                .gradients()
                .attentionGradient(
                    x, new Heads(1, 1, 130), x, x, new Mask.Full(), x, filled(2, 130, 1), x, x))
        .withMessageContaining("130 channels")
        .withMessageContaining("128");
  }

  /** What ran before left its numbers in memory. On the emulation it is nothing large. */
  @Override
  @Test
  public void givesTheSameGradientsWhateverRanBefore() {
    try (Kernels again = open(CudaOptions.defaults())) {
      Map<String, float[]> expected = AllGradients.of(device().kernels(), "small", 1);
      AllGradients.of(again, "before", TestGpu.isReal() ? 2 : 1);
      AllGradients.of(again, "small", 1)
          .forEach((what, bits) -> assertThat(bits).as(what).isEqualTo(expected.get(what)));
    }
  }

  /** A backward pass is launched as a whole, too. */
  @Test
  void recordsGradients() {
    Kernels kernels = device().kernels();
    GradientKernels gradients = kernels.gradients();
    RandomData random = new RandomData("recorded gradients", dtype);
    Tensor x = device().owned(kernels.allocate(40, 64));
    Tensor dx = filled(40, 64, 0);
    Tensor dw = filled(DType.FLOAT32, 64, 64, 0);
    Parameter norm =
        device().owned(gradients.parameter(Stored.matrix(dtype, random.weights(dtype, 64, 1), 1)));
    Parameter w =
        device()
            .owned(gradients.parameter(Stored.matrix(dtype, random.weights(dtype, 4096, 1), 64)));
    Heads heads = new Heads(4, 4, 16);
    Consumer<Tensor> backward =
        from -> {
          try (Tensor dq = kernels.allocate(40, 64);
              Tensor dKeys = kernels.allocate(40, 64);
              Tensor dValues = kernels.allocate(40, 64)) {
            gradients.clear(dx);
            gradients.clear(dw);
            Mask causal = new Mask.Causal();
            gradients.attentionGradient(from, heads, from, from, causal, from, dq, dKeys, dValues);
            gradients.linearInput(dq, w.weight(), true, dx);
            gradients.linearWeight(dKeys, dValues, dw);
            gradients.rmsNormGradient(from, norm.weight(), 1e-5f, dx, dx.rows(0, 40), null);
          }
        };
    try (Recording recording = kernels.record(() -> backward.accept(x))) {
      for (int round = 0; round < 2; round++) {
        kernels.upload(random.normal(40 * 64, 1), x);
        backward.accept(x);
        float[] input = kernels.download(dx);
        float[] weight = kernels.download(dw);
        assertThat(input).doesNotContain(Float.NaN);
        kernels.upload(new float[40 * 64], dx);
        kernels.upload(new float[64 * 64], dw);
        recording.run();
        assertThat(kernels.download(dx)).isEqualTo(input);
        assertThat(kernels.download(dw)).isEqualTo(weight);
      }
    }
  }

  @Test
  void refusesInsideARecordingWhatItCouldNotRepeat() {
    Kernels kernels = device().kernels();
    GradientKernels gradients = kernels.gradients();
    Parameter parameter =
        device().owned(gradients.parameter(Stored.matrix(dtype, new float[] {1}, 1)));
    List<Runnable> all =
        List.of(
            () -> gradients.parameter(Stored.matrix(dtype, new float[] {1}, 1)),
            () -> gradients.download(parameter, Parameter.Content.VALUE),
            () -> gradients.upload(new float[1], parameter, Parameter.Content.VALUE),
            () -> gradients.squaredNorm(parameter.gradient()));
    for (Runnable work : all) {
      assertThatIllegalStateException().isThrownBy(() -> kernels.record(work));
    }
    assertThat(gradients.download(parameter, Parameter.Content.VALUE)).containsExactly(1);
  }

  @Test
  void closesWhatBelongsToAParameterWithIt() {
    GradientKernels gradients = device().kernels().gradients();
    Parameter parameter = gradients.parameter(Stored.matrix(dtype, new float[4], 2));
    Tensor gradient = parameter.gradient();
    var weight = (CudaWeight) parameter.weight();
    gradient.close();
    weight.close();
    assertThat(gradients.squaredNorm(parameter.gradient())).isZero();
    parameter.close();
    parameter.close();
    assertThatIllegalStateException().isThrownBy(() -> device().kernels().download(gradient));
    assertThatIllegalStateException().isThrownBy(weight::address);
  }
}
