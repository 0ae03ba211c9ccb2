package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.AllGradients;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.GradientContract;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.ThreadsContract;

class CpuGradientKernelsTest extends GradientContract implements ThreadsContract {
  @Override
  protected Kernels open() {
    return open(2);
  }

  @Override
  public Kernels open(int threads) {
    return Devices.open("cpu", threads, DType.FLOAT32);
  }

  @Override
  public Map<String, float[]> results(Kernels kernels) {
    return AllGradients.of(kernels, "threads", 1);
  }

  @Test
  void refusesNumbersOutsideTheirRange() {
    Kernels kernels = device().kernels();
    GradientKernels gradients = kernels.gradients();
    try (Tensor two = kernels.allocate(2, 24);
        Tensor three = kernels.allocate(3, 24);
        Tensor losses = kernels.allocate(2, 1);
        Rotary rotary = kernels.rotary(4, 10_000, 3)) {
      for (int wrong : new int[] {-2, 3, Integer.MAX_VALUE}) {
        Indices rows = kernels.indices(1, wrong);
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
            .isThrownBy(() -> gradients.addRows(two, rows, three));
        assertThatIllegalArgumentException()
            .isThrownBy(() -> gradients.addToTable(two, rows, three))
            .withMessageContaining("id " + wrong);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> gradients.rotateBack(two, 6, rotary, rows))
            .withMessageContaining("position " + wrong);
        Mask mask = new Mask.UpTo(rows);
        assertThatIllegalArgumentException()
            .isThrownBy(() ->
                gradients.attentionGradient(
                    two, new Heads(6, 6, 4), three, three, mask, two, two, three, three));
      }
      for (int wrong : new int[] {-2, 24, Integer.MAX_VALUE}) {
        Indices labels = kernels.indices(1, wrong);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> gradients.crossEntropy(two, labels, 1, losses, two))
            .withMessageContaining("label " + wrong);
      }
      assertThat(kernels.download(two)).containsOnly(0);
      assertThat(kernels.download(three)).containsOnly(0);
    }
  }
}
