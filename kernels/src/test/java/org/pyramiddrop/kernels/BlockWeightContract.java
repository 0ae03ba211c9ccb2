package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Weights in {@link Blocks}, held to float64 on the numbers that are stored: what storing them lost
 * is no error of a kernel.
 */
public interface BlockWeightContract extends ContractPart {
  List<DType> TYPES = List.of(DType.INT8, DType.INT4, DType.FP8);

  /** What a scale inside is far from, so that reading a row too many is seen. */
  float POISON = Float.MAX_VALUE;

  /**
   * A matrix's values, exactly as they are stored and as float32 has them, and the matrix on the
   * device. A value is a number less its zero, and a device may multiply the two one by one: errors
   * grow with both.
   */
  final class StoredBlocks {
    private final Weight weight;
    private final double[] exact;
    private final float[] values;
    private final float[] sizes;

    StoredBlocks(Weight weight, double[] exact, float[] values, float[] sizes) {
      this.weight = weight;
      this.exact = exact;
      this.values = values;
      this.sizes = sizes;
    }
  }

  /** The value at a place, which a float may not hold. */
  static double exact(Blocks blocks, MemorySegment data, int row, int column) {
    return blocks.dtype() == DType.FP8
        ? blocks.scale(data, row, 0)
            * (double) Float8.toFloat((byte) blocks.number(data, row, column))
        : blocks.value(data, row, column);
  }

  /** The values that a product of as many rows multiplies: the exact ones, or rounded to floats. */
  private double[] multiplied(int rows, StoredBlocks w) {
    float[] widened = device().widened(rows, w.values);
    return Arrays.equals(widened, w.values) ? w.exact : Reference.doubles(widened);
  }

  /** Whole numbers, scales and zeros of any kind, in parts, as a view between rows of poison. */
  private StoredBlocks stored(DType dtype, int rows, int columns) {
    int before = random().between(0, 5);
    int total = before + rows + random().between(0, 4);
    double[] exact = new double[rows * columns];
    float[] values = new float[rows * columns];
    float[] sizes = new float[rows * columns];
    List<HostMatrix> parts = new ArrayList<>();
    for (int from = 0; from < total; ) {
      int to = random().flip() ? total : random().between(from + 1, total);
      Blocks blocks = new Blocks(dtype, to - from, columns);
      // At an odd address, so that nothing is aligned, and full of what must not be read.
      MemorySegment data =
          Arena.ofAuto().allocate(blocks.bytes() + 1, 16).asSlice(1, blocks.bytes());
      data.fill((byte) 0x77);
      for (int row = from; row < to; row++) {
        boolean inside = row >= before && row < before + rows;
        fill(blocks, data, row - from, inside);
        for (int c = 0; c < columns && inside; c++) {
          int at = (row - before) * columns + c;
          exact[at] = exact(blocks, data, row - from, c);
          values[at] = (float) exact[at];
          int block = c / Blocks.SIZE;
          int zero = blocks.zero(data, row - from, block);
          int both = Math.abs(blocks.number(data, row - from, c)) + zero;
          sizes[at] =
              dtype == DType.FP8 ? values[at] : blocks.scale(data, row - from, block) * both;
        }
      }
      parts.add(new HostMatrix(dtype, data, to - from, columns));
      from = to;
    }
    Weight all = device().owned(kernels().weight(parts));
    int first = random().between(0, before);
    return new StoredBlocks(
        all.rows(first, total - first).rows(before - first, rows), exact, values, sizes);
  }

  private void fill(Blocks blocks, MemorySegment data, int row, boolean inside) {
    double size = Math.exp(random().between(-6, 1));
    for (int b = 0; b < blocks.perRow(); b++) {
      int kind = random().between(0, 30);
      float scale = (float) (size * (0.5 + random().between(0, 100) / 100.0));
      // Subnormal scales, none, and negative ones, which other software may write.
      scale = kind == 0 ? 0 : kind == 1 ? 3 * 0x1p-24f : kind == 2 ? -scale : scale;
      blocks.scale(data, row, b, inside ? scale : POISON);
      if (blocks.dtype() == DType.INT4) {
        blocks.zero(data, row, b, random().between(0, 15));
      }
    }
    for (int c = 0; c < blocks.columns(); c++) {
      blocks.number(
          data,
          row,
          c,
          switch (blocks.dtype()) {
            case INT4 -> random().between(0, 15);
            case FP8 -> 128 * random().between(0, 1) + random().between(0, 0x7e);
            default -> random().between(-128, 127);
          });
    }
    if (blocks.dtype() == DType.FP8) {
      fillUp(blocks, data, row);
    }
  }

  /** The zeros behind a row of FP8. */
  private static void fillUp(Blocks blocks, MemorySegment data, int row) {
    long from = blocks.numbers(row) + blocks.columns();
    data.asSlice(from, blocks.numberBytes() - blocks.columns()).fill((byte) 0);
  }

  private List<LinearContract.Sizes> sizes() {
    List<LinearContract.Sizes> all = new ArrayList<>();
    for (DType dtype : TYPES) {
      for (int inputs : LinearContract.INPUTS) {
        for (int outputs : LinearContract.OUTPUTS) {
          all.add(
              new LinearContract.Sizes(
                  dtype, random().oneOf(LinearContract.ROWS), inputs, outputs));
        }
      }
      for (int rows : LinearContract.ROWS) {
        int inputs = random().oneOf(LinearContract.INPUTS);
        int outputs = random().oneOf(LinearContract.OUTPUTS);
        all.add(new LinearContract.Sizes(dtype, rows, inputs, outputs));
      }
      // Rows of so many blocks that scales and zeros take several vectors.
      all.add(new LinearContract.Sizes(dtype, 1, 1100, 37));
      all.add(new LinearContract.Sizes(dtype, 3, 2901, 130));
      all.add(new LinearContract.Sizes(dtype, 4, 515, 1050));
      all.add(new LinearContract.Sizes(dtype, 9, 1301, 210));
      // Whole accesses of a device, in several of its tiles, and more inputs than wait at a time.
      all.add(new LinearContract.Sizes(dtype, 70, 200, 131));
      all.add(new LinearContract.Sizes(dtype, 133, 328, 290));
      all.add(new LinearContract.Sizes(dtype, 2, 8200, 9));
      all.add(new LinearContract.Sizes(dtype, 4, 4297, 5));
    }
    return all;
  }

  @Test
  default void multipliesWeightsInBlocks() {
    Activation[] activations = Activation.values();
    int i = random().between(0, 7);
    for (LinearContract.Sizes sizes : random().cases(sizes())) {
      int inputs = sizes.inputs();
      float[] x = random().normal(sizes.rows() * inputs, 1);
      StoredBlocks w = stored(sizes.dtype(), sizes.outputs(), inputs);
      Activation activation = activations[i % activations.length];
      float[] bias =
          i / activations.length % 2 == 0
              ? null
              : random().weights(DType.FLOAT16, sizes.outputs(), 1);
      float[] before = random().normal(sizes.rows() * sizes.outputs(), 1);
      Output out =
          activation == Activation.ADD
              ? device().output(before, sizes.outputs())
              : device().output(sizes.rows(), sizes.outputs());
      Weight b = bias == null ? null : device().weight(DType.FLOAT16, bias, 1);
      kernels().linear(device().input(x, inputs), w.weight, b, activation, out.view());
      float[] exact = device().multiplied(sizes.dtype(), inputs, x);
      double[] values = multiplied(sizes.rows(), w);
      Expected expected =
          Reference.linear(exact, values, w.sizes, inputs, bias, activation, before);
      device().check("linear %s, %s".formatted(sizes, activation), out, expected);
      device().endCase();
      i++;
    }
  }

  @Test
  default void gatesWeightsInBlocks() {
    for (LinearContract.Sizes sizes : random().cases(sizes())) {
      int inputs = sizes.inputs();
      float[] x = random().normal(sizes.rows() * inputs, 1 / Math.sqrt(inputs));
      StoredBlocks w = stored(sizes.dtype(), 2 * sizes.outputs(), inputs);
      Output out = device().output(sizes.rows(), sizes.outputs());
      kernels().swiGlu(device().input(x, inputs), w.weight, out.view());
      float[] exact = device().multiplied(sizes.dtype(), inputs, x);
      double[] values = multiplied(sizes.rows(), w);
      Expected expected = Reference.swiGlu(exact, values, w.sizes, inputs);
      device().check("swiGlu " + sizes, out, expected);
      device().endCase();
    }
  }

  /** Nothing is rounded to a narrow type there, so nothing of it may be seen. */
  @Test
  default void writesProductsInBlocksInFloat32WhereTheOutputIs() {
    for (DType dtype : TYPES) {
      for (int rows : new int[] {1, 3, 37}) {
        for (int inputs : new int[] {17, 64, 136}) {
          int outputs = random().oneOf(LinearContract.OUTPUTS);
          float[] x = random().normal(rows * inputs, 1);
          StoredBlocks w = stored(dtype, outputs, inputs);
          Output out = device().output(DType.FLOAT32, rows, outputs);
          kernels().linear(device().input(x, inputs), w.weight, null, Activation.NONE, out.view());
          float[] exact = device().multiplied(dtype, inputs, x);
          double[] values = multiplied(rows, w);
          float[] none = new float[rows * outputs];
          Reference.linear(exact, values, w.sizes, inputs, null, Activation.NONE, none)
              .check("float32 by " + dtype, DType.FLOAT32, out.read(), 1e-5);
          device().endCase();
        }
      }
    }
  }

  @Test
  default void multipliesANormByBlocksAsBothOperationsInARowDo() {
    List<LinearContract.Sizes> all = new ArrayList<>();
    for (DType dtype : TYPES) {
      for (int rows : new int[] {1, 2, 4, 6}) {
        for (int inputs : new int[] {8, 33, 72, 264, 1032, 4104}) {
          all.add(new LinearContract.Sizes(dtype, rows, inputs, random().between(1, 40)));
        }
      }
    }
    random().fewCases(all).forEach(this::multipliesANorm);
  }

  private void multipliesANorm(LinearContract.Sizes sizes) {
    int rows = sizes.rows();
    int inputs = sizes.inputs();
    int outputs = sizes.outputs();
    Tensor x = device().input(random().normal(rows * inputs, 1), inputs);
    Weight norm = device().weight(DType.FLOAT16, random().weights(DType.FLOAT16, inputs, 1), 1);
    Output normed = device().output(rows, inputs);
    kernels().rmsNorm(x, norm, 1e-5f, normed.view());
    Weight w = stored(sizes.dtype(), 2 * outputs, inputs).weight;
    Output product = device().output(rows, 2 * outputs);
    Output both = device().output(rows, 2 * outputs);
    kernels().normLinear(x, norm, 1e-5f, w, null, product.view());
    kernels().linear(normed.view(), w, null, Activation.NONE, both.view());
    assertThat(product.read()).as("linear, " + sizes).isEqualTo(both.read());
    Output gated = device().output(rows, outputs);
    Output bothGated = device().output(rows, outputs);
    kernels().normSwiGlu(x, norm, 1e-5f, w, gated.view());
    kernels().swiGlu(normed.view(), w, bothGated.view());
    assertThat(gated.read()).as("gated, " + sizes).isEqualTo(bothGated.read());
    device().endCase();
  }

  @Test
  default void readsEveryNumberOfABlockWhereItStands() {
    for (DType dtype : TYPES) {
      for (int inputs : new int[] {1, 31, 32, 67, 300}) {
        int outputs = random().between(1, 70);
        StoredBlocks w = stored(dtype, outputs, inputs);
        float[] identity = new float[inputs * inputs];
        for (int i = 0; i < inputs; i++) {
          identity[i * inputs + i] = 1;
        }
        Output out = device().output(inputs, outputs);
        kernels()
            .linear(device().input(identity, inputs), w.weight, null, Activation.NONE, out.view());
        float[] none = new float[inputs * outputs];
        double[] values = multiplied(inputs, w);
        Expected expected =
            Reference.linear(identity, values, w.sizes, inputs, null, Activation.NONE, none);
        device().check("identity " + dtype, out, expected);
        device().endCase();
      }
    }
  }

  @Test
  default void readsRowsInBlocks() {
    for (DType dtype : TYPES) {
      for (int columns : new int[] {1, 31, 64, 130}) {
        int rows = random().between(1, 40);
        StoredBlocks table = stored(dtype, rows, columns);
        int[] ids = random().below(rows, random().between(1, 40));
        Output embedded = device().output(ids.length, columns);
        kernels().embed(table.weight, device().indices(ids), embedded.view());
        float[] picked = new float[ids.length * columns];
        for (int i = 0; i < picked.length; i++) {
          picked[i] = table.values[ids[i / columns] * columns + i % columns];
        }
        device().check("embed " + dtype, embedded, Expected.exactly(picked, columns));
        Output sum = device().output(new float[rows * columns], columns);
        kernels().add(sum.view(), table.weight);
        device().check("add " + dtype, sum, Expected.exactly(table.values, columns));
        device().endCase();
      }
    }
  }

  @Test
  default void keepsWhatIsNotFiniteInItsRowOfAProductInBlocks() {
    for (DType dtype : TYPES) {
      for (int rows : new int[] {2, 4, 7}) {
        float[] x = random().normal(rows * 67, 1);
        x[67 + random().between(0, 66)] = Float.NaN;
        StoredBlocks w = stored(dtype, 41, 67);
        Output out = device().output(rows, 41);
        kernels().linear(device().input(x, 67), w.weight, null, Activation.NONE, out.view());
        float[] exact = device().multiplied(dtype, 67, x);
        double[] values = multiplied(rows, w);
        float[] none = new float[rows * 41];
        Expected expected =
            Reference.linear(exact, values, w.sizes, 67, null, Activation.NONE, none);
        device().check("not finite, " + dtype, out, expected);
        device().endCase();
      }
    }
  }

  /**
   * It may be so large that an activation's type has no number for it, nor a product with 0; but in
   * FP8, where it is zero.
   */
  @Test
  default void whatFillsALastBlockUpMeetsNothing() {
    for (DType dtype : List.of(DType.INT8, DType.INT4)) {
      for (int rows : new int[] {1, 4, 6, 70}) {
        int inputs = 40;
        int outputs = random().between(1, 70);
        Blocks blocks = new Blocks(dtype, outputs, inputs);
        MemorySegment data = Arena.ofAuto().allocate(blocks.bytes(), 16);
        data.fill((byte) 0x7f);
        float[] values = new float[outputs * inputs];
        for (int i = 0; i < values.length; i++) {
          int row = i / inputs;
          int block = i % inputs / Blocks.SIZE;
          blocks.scale(data, row, block, 16384);
          if (dtype == DType.INT4) {
            blocks.zero(data, row, block, 1);
          }
          blocks.number(data, row, i % inputs, random().between(0, 2));
          values[i] = blocks.value(data, row, i % inputs);
        }
        Weight w =
            device().owned(kernels().weight(List.of(new HostMatrix(dtype, data, outputs, inputs))));
        float[] x = random().normal(rows * inputs, 1e-3);
        Output out = device().output(rows, outputs);
        kernels().linear(device().input(x, inputs), w, null, Activation.NONE, out.view());
        float[] none = new float[rows * outputs];
        float[] exact = device().multiplied(dtype, inputs, x);
        device()
            .check(
                "filled up, " + dtype,
                out,
                Reference.linear(exact, values, inputs, null, Activation.NONE, none));
        device().endCase();
      }
    }
  }

  /**
   * Rows of one number, whose sums over the largest numbers of a block are the largest there are.
   */
  @Test
  default void sumsTheLargestNumbersOfABlock() {
    for (DType dtype : TYPES) {
      for (int rows : new int[] {1, 4, 20}) {
        int inputs = random().between(97, 160);
        int outputs = random().between(1, 40);
        Blocks blocks = new Blocks(dtype, outputs, inputs);
        MemorySegment data = Arena.ofAuto().allocate(blocks.bytes(), 16);
        float[] values = new float[outputs * inputs];
        for (int i = 0; i < values.length; i++) {
          int row = i / inputs;
          blocks.scale(data, row, i % inputs / Blocks.SIZE, 0.25f);
          blocks.number(
              data,
              row,
              i % inputs,
              switch (dtype) {
                case INT4 -> 15;
                case FP8 -> 0xfe;
                default -> -128;
              });
          values[i] = blocks.value(data, row, i % inputs);
        }
        Weight w =
            device().owned(kernels().weight(List.of(new HostMatrix(dtype, data, outputs, inputs))));
        float[] numbers = random().normal(rows, 1);
        float[] x = new float[rows * inputs];
        for (int row = 0; row < rows; row++) {
          Arrays.fill(x, row * inputs, (row + 1) * inputs, numbers[row]);
        }
        Output out = device().output(rows, outputs);
        kernels().linear(device().input(x, inputs), w, null, Activation.NONE, out.view());
        float[] none = new float[rows * outputs];
        float[] exact = device().multiplied(dtype, inputs, x);
        device()
            .check(
                "largest, " + dtype,
                out,
                Reference.linear(exact, values, inputs, null, Activation.NONE, none));
        device().endCase();
      }
    }
  }

  @Test
  default void givesABlockedProductTheSameBitsEachTime() {
    for (DType dtype : TYPES) {
      StoredBlocks w = stored(dtype, 130, 515);
      Tensor x = device().input(random().normal(43 * 515, 1), 515);
      for (int rows : new int[] {2, 43}) {
        Output first = device().output(rows, 130);
        kernels().linear(x.rows(0, rows), w.weight, null, Activation.NONE, first.view());
        for (int again = 0; again < 3; again++) {
          Output out = device().output(rows, 130);
          kernels().linear(x.rows(0, rows), w.weight, null, Activation.NONE, out.view());
          assertThat(out.read()).as("%s, %d rows", dtype, rows).isEqualTo(first.read());
        }
      }
      device().endCase();
    }
  }
}
