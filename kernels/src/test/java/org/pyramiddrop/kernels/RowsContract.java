package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Operations that move rows. */
interface RowsContract extends ContractPart {
  @Test
  default void embedsEveryTwoByteNumberExactly() {
    for (DType dtype : List.of(DType.FLOAT16, DType.BFLOAT16)) {
      if (kernels().dtype() != DType.FLOAT32 && kernels().dtype() != dtype) {
        continue; // Neither of the two-byte types holds all numbers of the other.
      }
      int[] bits = new int[1 << 16];
      Arrays.setAll(bits, i -> i);
      Weight table = device().owned(kernels().weight(List.of(Stored.matrix(dtype, bits, 256))));
      int[] ids = random().below(256, 300);
      Output out = device().output(300, 256);
      kernels().embed(table, device().indices(ids), out.view());
      float[] embedded = out.read();
      // NaN is one number here, whatever its payload; zeros differ by sign.
      int[] actual = new int[embedded.length];
      Arrays.setAll(actual, i -> Float.floatToIntBits(embedded[i]));
      int[] expected = new int[embedded.length];
      Arrays.setAll(
          expected, i -> Float.floatToIntBits(Stored.decode(dtype, ids[i / 256] * 256 + i % 256)));
      assertThat(actual).as("%s", dtype).isEqualTo(expected);
      device().endCase();
    }
  }

  @Test
  default void embedsRowsOfStackedTables() {
    for (DType dtype : DType.single()) {
      for (int columns : new int[] {1, 2, 3, 5, 8, 31, 64, 127}) {
        float[] values = random().weights(dtype, 23 * columns, 1);
        Weight table = device().weight(dtype, values, columns);
        int[] ids = random().below(23, random().between(1, 40));
        ids[0] = 22;
        Output out = device().output(ids.length, columns);
        kernels().embed(table, device().indices(ids), out.view());
        device().check("embed " + dtype, out, picked(values, columns, ids));
        device().endCase();
      }
    }
  }

  private static Expected picked(float[] values, int columns, int[] rows) {
    float[] picked = new float[rows.length * columns];
    for (int i = 0; i < picked.length; i++) {
      picked[i] = values[rows[i / columns] * columns + i % columns];
    }
    return Expected.exactly(picked, columns);
  }

  @Test
  default void cutsPicturesIntoRowsOfSquares() {
    for (int channels : new int[] {1, 3}) {
      for (int side : new int[] {4, 15, 28}) {
        for (int patch : new int[] {1, 4, 14}) {
          int before = random().between(0, 2);
          int columns = channels * patch * patch + random().oneOf(0, 0, 1, 4);
          if (patch <= side) {
            cuts(random().between(1, 3), channels, side, patch, before, columns);
          }
        }
      }
    }
  }

  private void cuts(int pictures, int channels, int side, int patch, int before, int columns) {
    float[] pixels = random().normal(pictures * channels * side * side, 1);
    int across = side / patch;
    int each = before + across * across;
    float[] expected = new float[pictures * each * columns];
    for (int i = 0; i < expected.length; i++) {
      int square = i / columns % each - before;
      int column = i % columns;
      if (square >= 0 && column < channels * patch * patch) {
        int channel = i / columns / each * channels + column / patch / patch;
        int y = square / across * patch + column / patch % patch;
        int x = square % across * patch + column % patch;
        expected[i] = pixels[(channel * side + y) * side + x];
      }
    }
    Output out = device().output(pictures * each, columns);
    Tensor from = device().input(DType.FLOAT32, pixels, channels * side * side);
    kernels().patches(from, channels, patch, before, out.view());
    String what = "%d × %d in squares of %d, %d columns".formatted(side, side, patch, columns);
    device().check(what, out, Expected.exactly(expected, columns));
    device().endCase();
  }

  /** Parts of less than one access a thread, of some, and of some and a rest. */
  @Test
  default void readsAllOfEachPart() {
    for (int accesses : new int[] {1, 7, 300, 1025, 2500}) {
      int parts = random().between(1, 5);
      reads(0, parts, accesses * 16 / kernels().dtype().bytes(), parts);
    }
    // A row later, and so perhaps at no multiple of an access.
    reads(1, 16, random().oneOf(1, 7, 33), random().between(1, 2));
  }

  private void reads(int before, int rows, int columns, int parts) {
    float[] values = random().normal((before + rows) * columns, 1);
    Tensor x = device().input(values, columns).rows(before, rows);
    Indices out = device().indices(random().below(1 << 30, parts));
    kernels().checksums(x, out);
    int[] expected = new int[parts];
    for (int i = 0; i < rows * columns; i++) {
      int bits = Stored.encode(x.dtype(), values[before * columns + i]);
      int shift = x.dtype() == DType.FLOAT32 ? 0 : i % 2 * Short.SIZE;
      expected[i / (rows * columns / parts)] ^= bits << shift;
    }
    assertThat(kernels().download(out))
        .as("%d × %d in %d", rows, columns, parts)
        .isEqualTo(expected);
    device().endCase();
  }

  @Test
  default void copies() {
    for (int rows : new int[] {1, 4, 31}) {
      float[] values = random().normal(rows * 33, 1);
      Output out = device().output(rows, 33);
      kernels().copy(device().input(values, 33), out.view());
      device().check("copy", out, Expected.exactly(values, 33));
    }
  }

  @Test
  default void copiesColumnsBesideOthers() {
    for (int columns : new int[] {1, 3, 16, 40}) {
      int rows = random().between(1, 9);
      int width = columns + random().between(0, 17);
      int first = random().between(0, width - columns);
      float[] x = random().normal(rows * columns, 1);
      float[] before = random().normal(rows * width, 1);
      Output out = device().output(before, width);
      kernels().copyColumns(device().input(x, columns), out.view(), first);
      for (int i = 0; i < x.length; i++) {
        before[i / columns * width + first + i % columns] = x[i];
      }
      device().check("copyColumns", out, Expected.exactly(before, width));
      device().endCase();
    }
  }

  @Test
  default void addsAWeightOfTheSameShape() {
    for (DType dtype : DType.single()) {
      for (int columns : new int[] {1, 2, 7, 16, 33, 130}) {
        int rows = random().between(1, 13);
        float[] x = random().normal(rows * columns, 1);
        float[] w = random().weights(dtype, rows * columns, 1);
        Output out = device().output(x, columns);
        kernels().add(out.view(), device().weight(dtype, w, columns));
        Expected expected = new Expected(rows, columns);
        for (int i = 0; i < x.length; i++) {
          expected.set(i, (double) x[i] + w[i], Math.abs(x[i]) + Math.abs(w[i]));
        }
        device().check("add " + dtype, out, expected);
        device().endCase();
      }
    }
  }

  @Test
  default void gathersRowsInAnyOrder() {
    for (int columns : new int[] {1, 3, 16, 31, 200}) {
      float[] values = random().normal(19 * columns, 1);
      int[] rows = random().below(19, random().between(1, 40));
      Output out = device().output(rows.length, columns);
      kernels().gatherRows(device().input(values, columns), device().indices(rows), out.view());
      device().check("gatherRows", out, picked(values, columns, rows));
      device().endCase();
    }
  }

  @Test
  default void gathersNumbers() {
    int[] values = random().below(1 << 30, 19);
    int[] places = random().below(19, 40);
    Indices picked =
        device().owned(kernels().gather(device().indices(values), device().indices(places)));
    int[] expected = Arrays.stream(places).map(i -> values[i]).toArray();
    assertThat(picked.size()).isEqualTo(40);
    assertThat(kernels().download(picked)).isEqualTo(expected);
  }
}
