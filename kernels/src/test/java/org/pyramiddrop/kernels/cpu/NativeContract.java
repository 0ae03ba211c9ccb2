package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.BlockWeightContract;
import org.pyramiddrop.kernels.Checked;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.RandomData;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.ThreadsContract;
import org.pyramiddrop.kernels.Weight;

/** What a device has to hold whose products are native code. */
interface NativeContract extends BlockWeightContract, ThreadsContract {
  /** What it may use of the processor. */
  NativeLibrary library();

  @Override
  default Kernels open(int threads) {
    return Checked.over(new CpuKernels(threads, library()));
  }

  /** Rounded where the processor multiplies what is narrow, few rows beside blocks much less. */
  default float[] given(DType weights, int inputs, float[] x) {
    if (x.length / inputs <= NativeProducts.STREAMED_ROWS) {
      boolean vector = library().streaming(weights).isEmpty();
      return vector ? x : TestLibrary.streamed(weights, inputs, x);
    }
    boolean exact = library().matmul(weights).isEmpty() || !library().roundsRows(weights);
    return exact ? x : TestLibrary.rounded(weights, inputs, x);
  }

  @Test
  default void saysWhatOfTheProcessorItUses() {
    assertThat(device().kernels().description())
        .isEqualTo("native, %s, 2 threads".formatted(library().used()));
  }

  @Test
  default void givesARowTheSameBitsHoweverManyFollow() {
    Kernels kernels = device().kernels();
    RandomData random = new RandomData("rows", DType.BFLOAT16);
    int inputs = 301;
    int outputs = 45;
    try (Tensor x = kernels.allocate(29, inputs);
        Tensor out = kernels.allocate(29, outputs);
        Weight w =
            kernels.weight(
                List.of(
                    Stored.matrix(DType.BFLOAT16, random.normal(outputs * inputs, 1), inputs)))) {
      kernels.upload(random.normal(29 * inputs, 1), x);
      for (int most : new int[] {NativeProducts.STREAMED_ROWS, 29}) {
        kernels.linear(x.rows(0, most), w, null, Activation.NONE, out.rows(0, most));
        float[] all = kernels.download(out.rows(0, most));
        int least = most == 29 ? NativeProducts.STREAMED_ROWS + 1 : 1;
        for (int rows = least; rows < most; rows++) {
          kernels.linear(x.rows(0, rows), w, null, Activation.NONE, out.rows(0, rows));
          assertThat(kernels.download(out.rows(0, rows)))
              .as("%d of %d rows", rows, most)
              .isEqualTo(Arrays.copyOf(all, rows * outputs));
        }
      }
    }
  }

  @Test
  default void refusesToTrain() {
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(() -> device().kernels().gradients())
        .withMessage("the native backend doesn't train; use cpu or cuda");
  }
}
