package org.pyramiddrop.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.AttentionContract.Case;
import org.pyramiddrop.kernels.AttentionContract.Kind;

/** {@link GradientKernels#attentionGradient}. */
interface AttentionGradientContract extends ContractPart {
  List<Integer> SIZES = List.of(2, 6, 8, 10, 16, 34, 64, 80, 128);

  List<AttentionContract.Group> GROUPS =
      List.of(
          new AttentionContract.Group(6, 2),
          new AttentionContract.Group(3, 1),
          new AttentionContract.Group(5, 5));

  @Test
  default void givesTheGradientsOfAttention() {
    List<Case> all = new ArrayList<>();
    for (int size : SIZES) {
      for (int keys : new int[] {1, 2, 7, 33, 127, 128, 129, 200}) {
        for (Kind kind : Kind.values()) {
          int queries = random().oneOf(1, 2, 3, 5, 7, 11, 13, 40, 61);
          if (kind == Kind.CAUSAL) {
            queries = Math.min(queries, keys);
          }
          all.add(new Case(random().oneOf(GROUPS).of(size), queries, keys, kind));
        }
      }
    }
    for (Case sizes : random().cases(all)) {
      attendsBack(sizes, random().oneOf(0.1, 1, 6));
    }
  }

  @Test
  default void givesTheGradientsOfAttentionInManyBlocks() {
    for (Kind kind : Kind.values()) {
      int queries = RandomData.large() ? random().between(130, 200) : 70;
      int keys = queries + (RandomData.large() ? random().between(0, 300) : 30);
      attendsBack(new Case(new Heads(4, 2, random().oneOf(64, 128)), queries, keys, kind), 1);
      if (!RandomData.large()) {
        return;
      }
    }
  }

  /** As prefill after tokens were dropped: the kept rows of a sequence that all keys belong to. */
  @Test
  default void givesTheGradientsOfKeptRows() {
    for (int size : new int[] {16, 64}) {
      int keys = 90;
      Case sizes = new Case(new Heads(3, 1, size), 31, keys, Kind.ASCENDING);
      int[] kept = random().distinctBelow(keys, 31);
      Arrays.sort(kept);
      attendsBack(sizes, Arrays.stream(kept).map(key -> key + 1).toArray(), 1);
    }
  }

  private void attendsBack(Case sizes, double deviation) {
    attendsBack(sizes, device().visible(sizes), deviation);
  }

  private void attendsBack(Case sizes, int[] visible, double deviation) {
    Heads heads = sizes.heads();
    int columns = heads.queryColumns();
    int stride = heads.keyValueColumns();
    float[] q = random().normal(sizes.queries() * columns, deviation);
    float[] keys = random().normal(sizes.keys() * stride, 1);
    float[] values = random().normal(sizes.keys() * stride, 1);
    float[] dy = random().normal(sizes.queries() * columns, 1);
    Output dq = device().output(sizes.queries(), columns);
    Output dKeys = device().output(sizes.keys(), stride);
    Output dValues = device().output(sizes.keys(), stride);
    gradients()
        .attentionGradient(
            device().input(q, columns),
            heads,
            device().input(keys, stride),
            device().input(values, stride),
            device().mask(sizes, visible),
            device().input(dy, columns),
            dq.view(),
            dKeys.view(),
            dValues.view());
    GradientReference.Attention expected =
        GradientReference.attention(q, heads, keys, values, visible, dy);
    String what = "%s, deviation %s".formatted(sizes, deviation);
    device().check("queries' gradient, " + what, dq, expected.dq());
    device().check("keys' gradient, " + what, dKeys, expected.dKeys());
    device().check("values' gradient, " + what, dValues, expected.dValues());
    device().endCase();
  }

  /** Rows that no query sees may hold anything, and their gradients are 0. */
  @Test
  default void givesUnseenKeysNoGradient() {
    for (int size : new int[] {6, 16, 64, 128}) {
      for (int queries : new int[] {1, 9, 61}) {
        Heads heads = new Heads(4, 2, size);
        int stride = heads.keyValueColumns();
        int seen = random().between(1, 150);
        int total = 200;
        float[] q = random().normal(queries * heads.queryColumns(), 1);
        float[] keys = random().normal(total * stride, 1);
        float[] values = random().normal(total * stride, 1);
        float[] dy = random().normal(q.length, 1);
        int[] visible = random().below(seen, queries);
        Arrays.setAll(visible, row -> visible[row] + 1);
        visible[queries / 2] = seen;
        GradientReference.Attention expected =
            GradientReference.attention(q, heads, keys, values, visible, dy);
        Arrays.fill(keys, seen * stride, keys.length, Float.NaN);
        Arrays.fill(values, seen * stride, keys.length, Float.NaN);
        Output dq = device().output(queries, heads.queryColumns());
        Output dKeys = device().output(total, stride);
        Output dValues = device().output(total, stride);
        gradients()
            .attentionGradient(
                device().input(q, heads.queryColumns()),
                heads,
                device().input(keys, stride),
                device().input(values, stride),
                new Mask.UpTo(
                    device().indices(Arrays.stream(visible).map(see -> see - 1).toArray())),
                device().input(dy, heads.queryColumns()),
                dq.view(),
                dKeys.view(),
                dValues.view());
        String what = "%d of %d keys seen by %d, size %d".formatted(seen, total, queries, size);
        device().check("queries' gradient, " + what, dq, expected.dq());
        device().check("keys' gradient, " + what, dKeys, expected.dKeys());
        device().check("values' gradient, " + what, dValues, expected.dValues());
        device().endCase();
      }
    }
  }

  @Test
  default void givesKeysThatNoRowAsksForNoGradient() {
    Heads heads = new Heads(2, 1, 6);
    Tensor none = device().input(new float[24], 12).rows(1, 0);
    Tensor keys = device().input(random().normal(18, 1), 6);
    Output dq = device().output(2, 12);
    Output dKeys = device().output(3, 6);
    Output dValues = device().output(3, 6);
    gradients()
        .attentionGradient(
            none,
            heads,
            keys,
            keys,
            new Mask.Full(),
            none,
            dq.view().rows(1, 0),
            dKeys.view(),
            dValues.view());
    dq.untouched("no queries");
    device().check("keys of no queries", dKeys, Expected.exactly(new float[18], 6));
    device().check("values of no queries", dValues, Expected.exactly(new float[18], 6));
  }
}
