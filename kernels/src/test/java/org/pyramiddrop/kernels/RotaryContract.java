package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** {@link Kernels#rotate}, {@link Kernels#storeKeyValues} and both in one. */
interface RotaryContract extends ContractPart {
  int POSITIONS = 4096;

  /** More heads, and more columns of them, than a block of a GPU takes at once. */
  Heads MANY = new Heads(33, 33, 128);

  @Test
  default void tellsWhatATableHolds() {
    Rotary rotary = device().owned(kernels().rotary(6, 10_000, 77));
    assertThat(rotary.headSize()).isEqualTo(6);
    assertThat(rotary.positions()).isEqualTo(77);
  }

  /** As many as some configurations allow; all of them would take 2.5 GB. */
  @Test
  default void tabulatesAsManyOfMillionsOfPositionsAsAreCovered() {
    int size = 32;
    int most = 20_000_000;
    Rotary rotary = device().owned(kernels().rotary(size, 10_000, most));
    int first = rotary.tabulated();
    assertThat(first).isBetween(4096, 100_000);
    float[] x = random().normal(3 * size, 1);
    Indices at = device().indices(0, first / 2, first - 1);
    Output out = device().output(x, size);
    Output recorded = device().output(x, size);
    try (Recording recording =
        kernels().record(() -> kernels().rotate(recorded.view(), 1, rotary, at))) {
      kernels().rotate(out.view(), 1, rotary, at);
      float[] expected = out.read();
      for (int needed : new int[] {first - 1, first + 1, 5 * first}) {
        rotary.cover(needed);
        assertThat(rotary.tabulated())
            .isBetween(Math.max(first, needed), 2 * Math.max(first, needed));
        kernels().upload(x, recorded.view());
        recording.run();
        assertThat(recorded.read()).isEqualTo(expected);
        int[] positions = {needed - 1, 1, needed / 2};
        Output further = device().output(x, size);
        kernels().rotate(further.view(), 1, rotary, device().indices(positions));
        Expected reference = Reference.rotate(x, size, 1, size, 10_000, positions);
        device().check("%d positions".formatted(needed), further, reference);
      }
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> rotary.cover(most + 1))
        .withMessage("20000001 positions are needed, but there are 20000000 at most");
  }

  @Test
  default void rotatesTheFirstHeadsAndNothingElse() {
    for (int size : AttentionContract.SIZES) {
      for (double theta : new double[] {10_000, 1e6}) {
        Rotary rotary = device().owned(kernels().rotary(size, theta, POSITIONS));
        int heads = random().between(1, 5);
        int columns = heads * size + random().between(0, 9);
        int[] positions = positions(random().oneOf(1, 3, 13, 61));
        float[] x = random().normal(positions.length * columns, 1);
        Output out = device().output(x, columns);
        kernels().rotate(out.view(), heads, rotary, device().indices(positions));
        device()
            .check(
                "rotate %d × %d".formatted(heads, size),
                out,
                Reference.rotate(x, columns, heads, size, theta, positions));
        device().endCase();
      }
    }
  }

  @Test
  default void storesKeysAndValuesApart() {
    for (boolean rotated : new boolean[] {true, false}) {
      for (int size : AttentionContract.SIZES) {
        int first = random().oneOf(0, random().between(1, 40));
        storesKeysAndValues(random().between(1, 5), size, first, rotated);
      }
      storesKeysAndValues(MANY.keyValue(), MANY.size(), random().oneOf(0, 1, 8), rotated);
    }
  }

  private void storesKeysAndValues(int heads, int size, int first, boolean rotated) {
    int columns = heads * size;
    int[] positions = positions(random().oneOf(1, 3, 13, 61));
    int rows = positions.length;
    float[] x = random().normal(rows * (first + 2 * columns), 1);
    int room = rows + random().between(0, 5);
    int[] to = random().distinctBelow(room, rows);
    Output keys = device().output(room, columns);
    Output values = device().output(room, columns);
    kernels()
        .storeKeyValues(
            device().input(x, first + 2 * columns),
            first,
            rotated ? device().owned(kernels().rotary(size, 10_000, POSITIONS)) : null,
            rotated ? device().indices(positions) : null,
            device().indices(to),
            keys.view(),
            values.view());
    float[] k = columns(x, rows, first, columns);
    Expected expected =
        rotated
            ? Reference.rotate(k, columns, heads, size, 10_000, positions)
            : Expected.exactly(k, columns);
    String what = "keys of %d × %d".formatted(heads, size);
    device().check(what, keys, expected.atRows(to, room));
    float[] v = columns(x, rows, first + columns, columns);
    device().check("values", values, Expected.exactly(v, columns).atRows(to, room));
    device().endCase();
  }

  @Test
  default void rotatesQueriesAndStoresTheKeysAndValuesBesideThem() {
    for (int size : AttentionContract.SIZES) {
      for (AttentionContract.Group group : AttentionContract.GROUPS) {
        rotatesAndStores(group.of(size));
      }
    }
    for (Heads heads : List.of(MANY, new Heads(70, 35, 6), new Heads(3, 1, 300))) {
      rotatesAndStores(heads);
    }
  }

  private void rotatesAndStores(Heads heads) {
    int size = heads.size();
    int q = heads.queryColumns();
    int kv = heads.keyValueColumns();
    int[] positions = positions(random().oneOf(1, 2, 3, 13, 61));
    int rows = positions.length;
    float[] x = random().normal(rows * (q + 2 * kv), 1);
    int room = rows + random().between(0, 5);
    int[] to = random().distinctBelow(room, rows);
    Output qkv = device().output(x, q + 2 * kv);
    Output keys = device().output(room, kv);
    Output values = device().output(room, kv);
    kernels()
        .rotateAndStore(
            qkv.view(),
            heads,
            device().owned(kernels().rotary(size, 10_000, POSITIONS)),
            device().indices(positions),
            device().indices(to),
            keys.view(),
            values.view());
    Expected queries = Reference.rotate(x, q + 2 * kv, heads.query(), size, 10_000, positions);
    device().check("queries of " + heads, qkv, queries);
    float[] k = columns(x, rows, q, kv);
    Expected turned = Reference.rotate(k, kv, heads.keyValue(), size, 10_000, positions);
    device().check("keys of " + heads, keys, turned.atRows(to, room));
    float[] v = columns(x, rows, q + kv, kv);
    device().check("values", values, Expected.exactly(v, kv).atRows(to, room));
    device().endCase();
  }

  private static float[] columns(float[] x, int rows, int first, int count) {
    float[] picked = new float[rows * count];
    for (int i = 0; i < picked.length; i++) {
      picked[i] = x[i / count * (x.length / rows) + first + i % count];
    }
    return picked;
  }

  /** In no order, the ends of the table among them. */
  private int[] positions(int count) {
    int[] positions = random().below(POSITIONS, count);
    positions[0] = POSITIONS - 1;
    Arrays.fill(positions, count / 2, count / 2 + count / 3, 0);
    return positions;
  }
}
