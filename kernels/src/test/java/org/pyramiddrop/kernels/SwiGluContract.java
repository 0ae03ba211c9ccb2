package org.pyramiddrop.kernels;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** {@link Kernels#swiGlu}. */
interface SwiGluContract extends ContractPart {
  @Test
  default void gatesSizesThatDivideNothing() {
    List<LinearContract.Sizes> all = new ArrayList<>();
    for (DType dtype : DType.single()) {
      for (int inputs : LinearContract.INPUTS) {
        for (int hidden : LinearContract.OUTPUTS) {
          if (random().flip()) {
            int rows = random().oneOf(LinearContract.ROWS);
            all.add(new LinearContract.Sizes(dtype, rows, inputs, hidden));
          }
        }
      }
      for (int rows : LinearContract.ROWS) {
        int inputs = random().oneOf(LinearContract.INPUTS);
        int hidden = random().oneOf(LinearContract.OUTPUTS);
        all.add(new LinearContract.Sizes(dtype, rows, inputs, hidden));
      }
    }
    random().cases(all).forEach(this::gates);
  }

  @Test
  default void gatesSizesOfManyBlocks() {
    for (DType dtype : RandomData.large() ? DType.single() : List.of(DType.BFLOAT16)) {
      gates(new LinearContract.Sizes(dtype, 2, 515, 530));
      gates(new LinearContract.Sizes(dtype, 4, 1301, 210));
      if (RandomData.large()) {
        gates(new LinearContract.Sizes(dtype, 245, 260, 530));
      }
    }
  }

  private void gates(LinearContract.Sizes sizes) {
    int inputs = sizes.inputs();
    float[] x = random().normal(sizes.rows() * inputs, 1);
    float[] w =
        random().weights(sizes.dtype(), 2 * sizes.outputs() * inputs, 4 / Math.sqrt(inputs));
    Output out = device().output(sizes.rows(), sizes.outputs());
    Weight gateUp = device().weight(sizes.dtype(), w, inputs);
    kernels().swiGlu(device().input(x, inputs), gateUp, out.view());
    float[] exact = device().multiplied(sizes.dtype(), inputs, x);
    device().check("swiGlu " + sizes, out, Reference.swiGlu(exact, w, inputs));
    device().endCase();
  }

  @Test
  default void closesTheGateWithoutOverflow() {
    // silu(-1000) is 0 and silu(1000) is 1000: e^1000 must not become infinite on the way.
    float[] x = {1000, -1000, 88, -88, 104, 0, -0f};
    float[] w = {1, 2};
    Output out = device().output(7, 1);
    Weight gateUp = device().weight(DType.FLOAT32, w, 1);
    kernels().swiGlu(device().input(x, 1), gateUp, out.view());
    device().check("swiGlu of large numbers", out, Reference.swiGlu(x, w, 1));
  }
}
