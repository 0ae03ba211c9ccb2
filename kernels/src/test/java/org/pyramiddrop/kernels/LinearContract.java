package org.pyramiddrop.kernels;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** {@link Kernels#linear}. */
interface LinearContract extends ContractPart {
  /** Row counts around the tiles of every device, and on both sides of decode and prefill. */
  List<Integer> ROWS = List.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 31, 37, 61, 127);

  List<Integer> INPUTS =
      List.of(1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 90, 127, 255, 256, 257, 300, 515);
  List<Integer> OUTPUTS = List.of(1, 5, 15, 16, 17, 31, 32, 33, 96, 130, 200);

  /** One product's sizes. */
  record Sizes(DType dtype, int rows, int inputs, int outputs) {
    @Override
    public String toString() {
      return "%s, %d × %d → %d".formatted(dtype, rows, inputs, outputs);
    }
  }

  @Test
  default void multipliesSizesThatDivideNothing() {
    List<Sizes> all = new ArrayList<>();
    for (DType dtype : DType.single()) {
      for (int inputs : INPUTS) {
        for (int outputs : OUTPUTS) {
          all.add(new Sizes(dtype, random().oneOf(ROWS), inputs, outputs));
        }
      }
      for (int rows : ROWS) {
        all.add(new Sizes(dtype, rows, random().oneOf(INPUTS), random().oneOf(OUTPUTS)));
      }
    }
    Activation[] activations = Activation.values();
    int i = random().between(0, 7);
    for (Sizes sizes : random().cases(all)) {
      // Every activation, with and without bias, in turn.
      multiplies(sizes, activations[i % activations.length], i / activations.length % 2 == 0);
      i++;
    }
  }

  @Test
  default void multipliesSizesOfManyBlocks() {
    List<Sizes> all = new ArrayList<>();
    for (DType dtype : RandomData.large() ? DType.single() : List.of(DType.BFLOAT16)) {
      all.add(new Sizes(dtype, 2, 515, 1050));
      all.add(new Sizes(dtype, 3, 2901, 130));
      if (RandomData.large()) {
        all.add(new Sizes(dtype, 251, 300, 1050));
      }
    }
    for (Sizes sizes : all) {
      multiplies(sizes, random().oneOf(List.of(Activation.values())), true);
    }
  }

  private void multiplies(Sizes sizes, Activation activation, boolean biased) {
    int inputs = sizes.inputs;
    float[] x = random().normal(sizes.rows * inputs, 1);
    float[] w = random().weights(sizes.dtype, sizes.outputs * inputs, 2 / Math.sqrt(inputs));
    DType biasType = random().oneOf(DType.single());
    float @Nullable [] bias = biased ? random().weights(biasType, sizes.outputs, 1) : null;
    float[] before = random().normal(sizes.rows * sizes.outputs, 1);
    // Only a sum may read what the output holds.
    Output out =
        activation == Activation.ADD
            ? device().output(before, sizes.outputs)
            : device().output(sizes.rows, sizes.outputs);
    kernels()
        .linear(
            device().input(x, inputs),
            device().weight(sizes.dtype, w, inputs),
            bias == null ? null : device().weight(biasType, bias, 1),
            activation,
            out.view());
    String what = "linear %s, %s%s".formatted(sizes, activation, biased ? ", bias" : "");
    float[] exact = device().multiplied(sizes.dtype, inputs, x);
    device().check(what, out, Reference.linear(exact, w, inputs, bias, activation, before));
    device().endCase();
  }

  @Test
  default void writesFloat32WhereTheOutputIs() {
    for (int rows : new int[] {1, 3, 37}) {
      for (int inputs : new int[] {17, 64, 136}) {
        int outputs = random().oneOf(OUTPUTS);
        float[] x = random().normal(rows * inputs, 1);
        float[] w = random().weights(kernels().dtype(), outputs * inputs, 2 / Math.sqrt(inputs));
        Output out = device().output(DType.FLOAT32, rows, outputs);
        Weight weight = device().weight(kernels().dtype(), w, inputs);
        kernels().linear(device().input(x, inputs), weight, null, Activation.NONE, out.view());
        float[] none = new float[rows * outputs];
        Expected expected = Reference.linear(x, w, inputs, null, Activation.NONE, none);
        // Nothing is rounded to a narrow type here, so nothing of it may be seen.
        expected.check("float32 of " + kernels().dtype(), DType.FLOAT32, out.read(), 1e-5);
        device().endCase();
      }
    }
  }

  @Test
  default void readsEveryWeightExactlyWhereItStands() {
    for (DType dtype : DType.single()) {
      for (int inputs : new int[] {1, 9, 90}) {
        int outputs = random().between(1, 70);
        float[] w = random().weights(dtype, outputs * inputs, 1);
        float[] transposed = new float[w.length];
        float[] identity = new float[inputs * inputs];
        for (int i = 0; i < inputs; i++) {
          identity[i * inputs + i] = 1;
          for (int j = 0; j < outputs; j++) {
            transposed[i * outputs + j] = w[j * inputs + i];
          }
        }
        Weight weight = device().weight(dtype, w, inputs);
        Tensor x = device().input(identity, inputs);
        for (int step : new int[] {3, inputs}) {
          Output out = device().output(inputs, outputs);
          for (int i = 0; i < inputs; i += step) {
            int count = Math.min(step, inputs - i);
            Tensor to = out.view().rows(i, count);
            kernels().linear(x.rows(i, count), weight, null, Activation.NONE, to);
          }
          device().check("identity " + dtype, out, Expected.exactly(transposed, outputs));
        }
        device().endCase();
      }
    }
  }

  @Test
  default void keepsWhatIsNotFiniteInItsRowAndColumn() {
    for (DType dtype : DType.single()) {
      for (int rows : new int[] {2, 4, 7, 13}) {
        int inputs = 67;
        int outputs = 41;
        float[] x = random().normal(rows * inputs, 1);
        float[] w = random().weights(dtype, outputs * inputs, 1);
        float[] clean = new float[rows * outputs];
        int place = random().between(0, inputs - 1);
        w[7 * inputs + place] = Float.NaN;
        w[9 * inputs + place] = Float.POSITIVE_INFINITY;
        x[inputs + random().between(0, inputs - 1)] = Float.NaN;
        Output out = device().output(rows, outputs);
        kernels()
            .linear(
                device().input(x, inputs),
                device().weight(dtype, w, inputs),
                null,
                Activation.NONE,
                out.view());
        float[] exact = device().multiplied(dtype, inputs, x);
        Expected expected = Reference.linear(exact, w, inputs, null, Activation.NONE, clean);
        device().check("not finite, " + dtype, out, expected);
        device().endCase();
      }
    }
  }

  @Test
  default void takesNoRows() {
    Tensor x = device().input(new float[8], 4);
    Weight w = device().weight(DType.BFLOAT16, new float[12], 4);
    Output out = device().output(2, 3);
    kernels().linear(x.rows(1, 0), w, null, Activation.NONE, out.view().rows(1, 0));
    out.untouched("a product of no rows");
  }
}
