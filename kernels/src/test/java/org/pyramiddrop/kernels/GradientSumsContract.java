package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Sums of gradients. */
interface GradientSumsContract extends ContractPart {
  @Test
  default void addsScaledNumbersOfEitherType() {
    DType activations = kernels().dtype();
    for (DType from : new DType[] {activations, DType.FLOAT32}) {
      for (DType to : new DType[] {activations, DType.FLOAT32}) {
        for (int columns : new int[] {1, 2, 7, 16, 33, 130, 2050}) {
          int rows = random().oneOf(1, 5, 13, 40);
          float factor = (float) random().oneOf(1, -0.5, 0.3);
          float[] x = random().normal(rows * columns, 1);
          float[] before = random().normal(rows * columns, 1);
          Output out = device().output(to, before, columns);
          gradients().addScaled(device().input(from, x, columns), factor, out.view());
          String what = "addScaled of %s to %s, %d columns".formatted(from, to, columns);
          Expected expected = GradientReference.addScaled(x, factor, before, columns);
          device().check(what, out, expected);
          device().endCase();
        }
      }
    }
  }

  @Test
  default void addsColumnsBesideOthers() {
    for (int columns : new int[] {1, 3, 16, 40, 2050}) {
      int rows = random().between(1, 9);
      int width = columns + random().between(0, 17);
      int first = random().between(0, width - columns);
      float factor = (float) random().oneOf(1, 1 / 32.0, -3);
      float[] x = random().normal(rows * columns, 1);
      float[] before = random().normal(rows * width, 1);
      Output out = device().output(DType.FLOAT32, before, width);
      Tensor from = device().input(DType.FLOAT32, x, columns);
      gradients().addColumns(from, factor, out.view(), first);
      float[] spread = new float[rows * width];
      for (int i = 0; i < x.length; i++) {
        spread[i / columns * width + first + i % columns] = x[i];
      }
      Expected expected = GradientReference.addScaled(spread, factor, before, width);
      device().check("addColumns", out, expected);
      device().endCase();
    }
  }

  @Test
  default void addsFromColumnsBesideOthers() {
    for (int columns : new int[] {1, 3, 16, 40, 2050}) {
      int rows = random().between(1, 9);
      int width = columns + random().between(0, 17);
      int first = random().between(0, width - columns);
      float[] x = random().normal(rows * width, 1);
      float[] before = random().normal(rows * columns, 1);
      Output out = device().output(before, columns);
      gradients().addFromColumns(device().input(x, width), first, out.view());
      float[] picked = new float[rows * columns];
      for (int i = 0; i < picked.length; i++) {
        picked[i] = x[i / columns * width + first + i % columns];
      }
      device()
          .check("addFromColumns", out, GradientReference.addScaled(picked, 1, before, columns));
      device().endCase();
    }
  }

  @Test
  default void addsRowsInAnyOrder() {
    for (int columns : new int[] {1, 3, 16, 31, 200, 2050}) {
      int total = 41;
      int[] rows = random().distinctBelow(total, random().between(1, total));
      float[] x = random().normal(rows.length * columns, 1);
      float[] before = random().normal(total * columns, 1);
      Output out = device().output(before, columns);
      gradients().addRows(device().input(x, columns), device().indices(rows), out.view());
      Expected expected = GradientReference.addRows(x, rows, before, columns);
      device().check("addRows", out, expected);
      device().endCase();
    }
  }

  @Test
  default void addsToRowsOfATableAsOftenAsTheyAreNamed() {
    for (int columns : new int[] {1, 2, 7, 31, 64, 130, 1100}) {
      for (int tokens : new int[] {1, 2, 9, 150}) {
        int total = random().oneOf(1, 5, 23, 400);
        int[] ids = random().below(total, tokens);
        float[] dy = random().normal(tokens * columns, 1);
        float[] before = random().normal(total * columns, 1);
        Output out = device().output(DType.FLOAT32, before, columns);
        gradients().addToTable(device().input(dy, columns), device().indices(ids), out.view());
        String what = "addToTable, %d tokens of %d".formatted(tokens, total);
        device().check(what, out, GradientReference.addRows(dy, ids, before, columns));
        device().endCase();
      }
    }
  }

  /**
   * 2²⁴ + 1 is no float32: which of the sums comes out tells the order. In any other, and if the
   * rows were added to each other first, it would be 2²⁴ or more.
   */
  @Test
  default void addsToATableInTheOrderOfTokens() {
    float[] dy = {1, 1, -1, 7};
    Output out = device().output(DType.FLOAT32, new float[] {0, 0, 0x1p24f}, 1);
    Tensor from = device().input(dy, 1);
    gradients().addToTable(from, device().indices(2, 2, 2, 0), out.view());
    device().check("in order", out, Expected.exactly(new float[] {7, 0, 0x1p24f - 1}, 1));
  }

  @Test
  default void addsGradients() {
    for (int columns : new int[] {1, 7, 130}) {
      float[] x = random().normal(11 * columns, 1);
      float[] before = random().normal(11 * columns, 1);
      Output out = device().output(DType.FLOAT32, before, columns);
      gradients().addGradient(device().input(x, columns), out.view());
      Expected expected = GradientReference.addScaled(x, 1, before, columns);
      device().check("addGradient", out, expected);
      device().endCase();
    }
  }

  @Test
  default void addsNothingOfNoRows() {
    float[] before = random().normal(6, 1);
    Tensor none = device().input(new float[6], 3).rows(1, 0);
    Output table = device().output(DType.FLOAT32, before, 3);
    Output rows = device().output(before, 3);
    gradients().addToTable(none, device().indices(), table.view());
    gradients().addRows(none, device().indices(), rows.view());
    gradients().addScaled(none, 1, rows.view().rows(1, 0));
    device().check("a table", table, Expected.exactly(before, 3));
    device().check("rows", rows, Expected.exactly(before, 3));
  }

  @Test
  default void clearsATensorAndNothingElse() {
    for (DType dtype : new DType[] {kernels().dtype(), DType.FLOAT32}) {
      for (int columns : new int[] {1, 7, 1030}) {
        Output out = device().output(dtype, 3, columns);
        gradients().clear(out.view());
        device().check("clear", out, Expected.exactly(new float[3 * columns], columns));
        device().endCase();
      }
    }
  }

  @Test
  default void sumsSquaresInDoublePrecision() {
    for (int columns : new int[] {1, 2, 7, 33, 130, 5000}) {
      for (double deviation : new double[] {1, 1e-30, 1e30}) {
        int rows = random().oneOf(1, 3, 50);
        float[] x = new float[rows * columns];
        for (int i = 0; i < x.length; i++) {
          x[i] = (float) (random().between(-1 << 20, 1 << 20) / 1048576.0 * deviation);
        }
        Tensor in = device().input(DType.FLOAT32, x, columns);
        double expected = IntStream.range(0, x.length).mapToDouble(i -> (double) x[i] * x[i]).sum();
        double actual = gradients().squaredNorm(in);
        assertThat(actual)
            .as("squares of %d × %d, deviation %s", rows, columns, deviation)
            .isCloseTo(expected, within(expected * 1e-11));
        device().endCase();
      }
    }
  }

  @Test
  default void doesNotHideWhatIsNotFiniteInASumOfSquares() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      float[] x = new float[777];
      Arrays.fill(x, 1);
      x[random().between(0, 776)] = bad;
      Tensor in = device().input(DType.FLOAT32, x, 7);
      assertThat(Double.compare(gradients().squaredNorm(in), (double) bad * bad)).isZero();
    }
  }
}
