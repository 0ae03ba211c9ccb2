package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * {@link Kernels#normLinear} and {@link Kernels#normSwiGlu}: held to products, in double, of what
 * {@link Kernels#rmsNorm} gives on the same device, and to the bits of both operations in a row.
 */
interface NormProductContract extends ContractPart {
  /** Rows that a warp normalises and rows that more do, in whole accesses and not. */
  List<Integer> INPUTS = List.of(1, 3, 7, 8, 16, 33, 60, 64, 128, 257, 264, 512, 520, 776, 1032);

  /** Decode, alone and in batches, and a short prefill. */
  List<Integer> ROWS = List.of(1, 2, 3, 4, 5, 6, 13, 37);

  @Test
  default void multipliesTheNorm() {
    for (LinearContract.Sizes sizes : sizes()) {
      multiplies(sizes, 1, random().flip(), kernels().dtype());
    }
  }

  @Test
  default void gatesTheNorm() {
    for (LinearContract.Sizes sizes : sizes()) {
      gates(sizes);
    }
  }

  /** Every number of inputs, and thousands of them. */
  private List<LinearContract.Sizes> sizes() {
    List<LinearContract.Sizes> all = new ArrayList<>();
    for (DType dtype : DType.single()) {
      for (int inputs : INPUTS) {
        for (int rows : new int[] {random().between(1, 4), random().oneOf(ROWS)}) {
          int outputs = random().oneOf(LinearContract.OUTPUTS);
          all.add(new LinearContract.Sizes(dtype, rows, inputs, outputs));
        }
      }
    }
    List<LinearContract.Sizes> some = new ArrayList<>(random().cases(all));
    some.add(new LinearContract.Sizes(DType.BFLOAT16, 4, 4104, 9));
    some.add(new LinearContract.Sizes(DType.BFLOAT16, 1, 8208, 9));
    some.add(new LinearContract.Sizes(DType.FLOAT32, 3, 6001, 5));
    return some;
  }

  @Test
  default void multipliesNormsOfAnySize() {
    for (double deviation : new double[] {1e-3, 30, 300}) {
      for (int rows : new int[] {1, 4, 7}) {
        multiplies(
            new LinearContract.Sizes(DType.FLOAT16, rows, 256, 33),
            deviation,
            true,
            kernels().dtype());
      }
    }
  }

  @Test
  default void writesTheProductOfANormInFloat32WhereTheOutputIs() {
    for (int rows : new int[] {1, 3, 6}) {
      for (int inputs : new int[] {17, 64, 136}) {
        multiplies(
            new LinearContract.Sizes(kernels().dtype(), rows, inputs, 40), 1, false, DType.FLOAT32);
      }
    }
  }

  private void multiplies(
      LinearContract.Sizes sizes, double deviation, boolean biased, DType outType) {
    int inputs = sizes.inputs();
    int outputs = sizes.outputs();
    Normed x = new Normed(device(), sizes, deviation);
    float[] w = random().weights(sizes.dtype(), outputs * inputs, 2 / Math.sqrt(inputs));
    float @Nullable [] bias = biased ? random().weights(sizes.dtype(), outputs, 1) : null;
    Weight weight = device().weight(sizes.dtype(), w, inputs);
    Weight added = bias == null ? null : device().weight(sizes.dtype(), bias, 1);
    Output out = device().output(outType, sizes.rows(), outputs);
    kernels().normLinear(x.tensor, x.norm, x.epsilon, weight, added, out.view());
    Output both = device().output(outType, sizes.rows(), outputs);
    kernels().linear(x.normed.view(), weight, added, Activation.NONE, both.view());
    float[] none = new float[sizes.rows() * outputs];
    float[] exact = device().multiplied(sizes.dtype(), inputs, x.normed.read());
    Expected expected = Reference.linear(exact, w, inputs, bias, Activation.NONE, none);
    check("linear of a norm, " + sizes, out, expected, both);
  }

  private void gates(LinearContract.Sizes sizes) {
    int inputs = sizes.inputs();
    Normed x = new Normed(device(), sizes, 1);
    float[] w =
        random().weights(sizes.dtype(), 2 * sizes.outputs() * inputs, 4 / Math.sqrt(inputs));
    Weight gateUp = device().weight(sizes.dtype(), w, inputs);
    Output out = device().output(sizes.rows(), sizes.outputs());
    kernels().normSwiGlu(x.tensor, x.norm, x.epsilon, gateUp, out.view());
    Output both = device().output(sizes.rows(), sizes.outputs());
    kernels().swiGlu(x.normed.view(), gateUp, both.view());
    float[] exact = device().multiplied(sizes.dtype(), inputs, x.normed.read());
    Expected expected = Reference.swiGlu(exact, w, inputs);
    check("swiGlu of a norm, " + sizes, out, expected, both);
  }

  private void check(String what, Output out, Expected expected, Output both) {
    device().check(what, out, expected);
    assertThat(out.read()).as(what + ", both operations in a row").isEqualTo(both.read());
    device().endCase();
  }

  /** Rows with their norm, as the device computes it. */
  final class Normed {
    private final Tensor tensor;
    private final Weight norm;
    private final float epsilon;
    private final Output normed;

    private Normed(DeviceUnderTest device, LinearContract.Sizes sizes, double deviation) {
      RandomData random = device.random();
      int inputs = sizes.inputs();
      tensor = device.input(random.normal(sizes.rows() * inputs, deviation), inputs);
      norm = device.weight(sizes.dtype(), random.weights(sizes.dtype(), inputs, 1), 1);
      epsilon = (float) random.oneOf(1e-5, 1e-6, 0.1);
      normed = device.output(sizes.rows(), inputs);
      device.kernels().rmsNorm(tensor, norm, epsilon, normed.view());
    }
  }

  @Test
  default void keepsWhatIsNotFiniteInItsRowOfTheNorm() {
    for (int rows : new int[] {2, 4, 7}) {
      int inputs = 128;
      float[] x = random().normal(rows * inputs, 1);
      x[inputs + random().between(0, inputs - 1)] = Float.NaN;
      float[] w = random().weights(DType.BFLOAT16, 20 * inputs, 1);
      Weight norm = device().weight(DType.BFLOAT16, random().weights(DType.BFLOAT16, inputs, 1), 1);
      Weight weight = device().weight(DType.BFLOAT16, w, inputs);
      Output out = device().output(rows, 20);
      kernels().normLinear(device().input(x, inputs), norm, 1e-5f, weight, null, out.view());
      float[] actual = out.read();
      for (int i = 0; i < actual.length; i++) {
        assertThat(Float.isNaN(actual[i])).as("row %d is NaN", i / 20).isEqualTo(i / 20 == 1);
      }
      device().endCase();
    }
  }
}
