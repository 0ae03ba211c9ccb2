package org.pyramiddrop.kernels;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The gradients of {@link Kernels#linear}. */
interface LinearGradientContract extends ContractPart {
  @Test
  default void givesTheGradientOfAnInput() {
    List<LinearContract.Sizes> all = sizes(DType.single());
    int i = random().between(0, 1);
    for (LinearContract.Sizes sizes : random().cases(all)) {
      ofInput(sizes, i++ % 2 == 0);
    }
  }

  private List<LinearContract.Sizes> sizes(List<DType> dtypes) {
    List<LinearContract.Sizes> all = new ArrayList<>();
    for (DType dtype : dtypes) {
      for (int inputs : LinearContract.INPUTS) {
        for (int outputs : LinearContract.OUTPUTS) {
          int rows = random().oneOf(LinearContract.ROWS);
          all.add(new LinearContract.Sizes(dtype, rows, inputs, outputs));
        }
      }
    }
    return all;
  }

  private void ofInput(LinearContract.Sizes sizes, boolean add) {
    int inputs = sizes.inputs();
    int outputs = sizes.outputs();
    float[] dy = random().normal(sizes.rows() * outputs, 1);
    float[] w = random().weights(sizes.dtype(), outputs * inputs, 2 / Math.sqrt(outputs));
    float[] before = new float[sizes.rows() * inputs];
    Output dx;
    if (add) {
      before = random().normal(sizes.rows() * inputs, 1);
      dx = device().output(before, inputs);
    } else {
      dx = device().output(sizes.rows(), inputs);
    }
    Weight weight = device().weight(sizes.dtype(), w, inputs);
    gradients().linearInput(device().input(dy, outputs), weight, add, dx.view());
    String what = "gradient of the input, %s%s".formatted(sizes, add ? ", added" : "");
    device().check(what, dx, GradientReference.linearInput(dy, w, inputs, before));
    device().endCase();
  }

  @Test
  default void addsTheGradientOfAWeight() {
    for (LinearContract.Sizes sizes : random().cases(sizes(List.of(DType.FLOAT32)))) {
      ofWeight(sizes);
    }
  }

  private void ofWeight(LinearContract.Sizes sizes) {
    int inputs = sizes.inputs();
    int outputs = sizes.outputs();
    float[] x = random().normal(sizes.rows() * inputs, 1);
    float[] dy = random().normal(sizes.rows() * outputs, 1);
    float[] before = random().normal(outputs * inputs, 1);
    Output gradient = device().output(DType.FLOAT32, before, inputs);
    gradients()
        .linearWeight(device().input(x, inputs), device().input(dy, outputs), gradient.view());
    Expected expected = GradientReference.linearWeight(x, dy, inputs, outputs, before);
    device().check("gradient of the weight, " + sizes, gradient, expected);
    device().endCase();
  }

  /** More rows, inputs and outputs than any device blocks at a time. */
  @Test
  default void takesLinearGradientsOfManyBlocks() {
    for (DType dtype : RandomData.large() ? DType.single() : List.of(DType.BFLOAT16)) {
      LinearContract.Sizes wide = new LinearContract.Sizes(dtype, 7, 1050, 515);
      ofInput(wide, random().flip());
      ofWeight(wide);
      if (RandomData.large()) {
        LinearContract.Sizes high = new LinearContract.Sizes(dtype, 571, 130, 300);
        ofInput(high, random().flip());
        ofWeight(high);
      }
    }
  }

  @Test
  default void addsTheSumsOfColumns() {
    for (int outputs : LinearContract.OUTPUTS) {
      for (int rows : new int[] {1, 2, 13, 127, 1000}) {
        float[] dy = random().normal(rows * outputs, 1);
        float[] before = random().normal(outputs, 1);
        Output gradient = device().output(DType.FLOAT32, before, 1);
        gradients().linearBias(device().input(dy, outputs), gradient.view());
        String what = "gradient of a bias, %d × %d".formatted(rows, outputs);
        device().check(what, gradient, GradientReference.linearBias(dy, before));
        device().endCase();
      }
    }
  }

  @Test
  default void takesLinearGradientsOfNoRows() {
    Tensor x = device().input(new float[8], 4).rows(1, 0);
    Tensor dy = device().input(new float[6], 3).rows(1, 0);
    Weight w = device().weight(DType.BFLOAT16, new float[12], 4);
    Output dx = device().output(2, 4);
    gradients().linearInput(dy, w, false, dx.view().rows(1, 0));
    dx.untouched("a gradient of no rows");
    float[] before = random().normal(12, 1);
    Output dw = device().output(DType.FLOAT32, before, 4);
    gradients().linearWeight(x, dy, dw.view());
    device().check("a weight's gradient of no rows", dw, Expected.exactly(before, 4));
    Output bias = device().output(DType.FLOAT32, new float[] {1, 2, 3}, 1);
    gradients().linearBias(dy, bias.view());
    Expected unchanged = Expected.exactly(new float[] {1, 2, 3}, 1);
    device().check("a bias's gradient of no rows", bias, unchanged);
  }
}
