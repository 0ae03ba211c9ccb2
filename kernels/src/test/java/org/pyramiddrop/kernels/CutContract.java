package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What cuts before the decoder are made of. */
interface CutContract extends ContractPart {
  /** Tokens of one tile and of many, and columns with every tail. */
  List<Integer> TOKENS = List.of(1, 2, 3, 7, 31, 48, 65);

  List<Integer> COLUMNS = List.of(2, 5, 8, 31, 64, 100, 300);

  /** Draws of data until one has no choice that float32 could take either way. */
  int DRAWS = 50;

  @Test
  default void scoresTokensByTheAttentionOfManyQueries() {
    for (int size : AttentionContract.SIZES) {
      int count = random().oneOf(AttentionContract.LENGTHS);
      int rows = random().oneOf(2, 3, 17, 65);
      Heads heads = random().oneOf(AttentionContract.GROUPS).of(size);
      scoresTokens(heads, rows, count, random().between(0, 9), random().oneOf(0.1, 1, 6));
    }
  }

  /** Sizes, and rows whose every address is a multiple of 16, that tensor cores can take. */
  @Test
  default void scoresTokensByTilesOfQueries() {
    for (int size : new int[] {64, 128}) {
      for (int rows : new int[] {9, 64, 65, 130}) {
        int count = rows + random().oneOf(-8, 0, 1, 63, 70);
        Heads heads = random().oneOf(AttentionContract.GROUPS).of(size);
        scoresTokens(heads, rows, count, random().oneOf(0, 8, 64), random().oneOf(0.1, 1, 6));
      }
    }
  }

  /** Scores by queries that have further columns, which must not be read. */
  default void scoresTokens(Heads heads, int rows, int count, int further, double deviation) {
    int columns = heads.queryColumns() + further;
    float[] queries = random().normal(rows * columns, deviation);
    for (int row = 0; row < rows; row++) {
      int end = row * columns + heads.queryColumns();
      Arrays.fill(queries, end, (row + 1) * columns, Float.NaN);
    }
    float[] keys = random().normal(count * heads.keyValueColumns(), 1);
    Output out = device().output(DType.FLOAT32, 1, count);
    kernels()
        .scoreTokens(
            device().input(queries, columns),
            heads,
            device().input(keys, heads.keyValueColumns()),
            out.view());
    device()
        .check(
            "%d keys by %d queries, %s".formatted(count, rows, heads),
            out,
            Reference.scoreTokens(queries, columns, heads, keys));
    device().endCase();
  }

  @Test
  default void splitsPlacesByTheirScores() {
    for (int round = 0; round < 60; round++) {
      int tokens = random().between(1, random().flip() ? 10 : 900);
      float[] scores = random().normal(tokens, 1);
      for (int i = 0; i < tokens / 2; i++) {
        double special = random().oneOf(0, -0.0, 1, -1, Double.NaN, Double.NEGATIVE_INFINITY);
        scores[random().between(0, tokens - 1)] = (float) special;
      }
      int[] places = random().distinctBelow(tokens, random().between(1, tokens));
      if (random().flip()) {
        Arrays.sort(places);
      }
      int keep = random().oneOf(0, places.length, random().between(0, places.length));
      Indices whole = device().indices(random().below(9, places.length + 4));
      int[] before = kernels().download(whole);
      kernels()
          .splitTopK(
              device().input(DType.FLOAT32, scores, tokens),
              device().indices(places),
              keep,
              whole.part(2, places.length));
      System.arraycopy(split(scores, places, keep), 0, before, 2, places.length);
      assertThat(kernels().download(whole)).as("%d of %d", keep, tokens).isEqualTo(before);
      device().endCase();
    }
  }

  private static int[] split(float[] scores, int[] places, int keep) {
    float[] own = new float[places.length];
    IntStream.range(0, own.length).forEach(i -> own[i] = scores[places[i]]);
    int[] kept = Reference.topK(own, 0, own.length, keep);
    IntStream others = IntStream.range(0, own.length).filter(i -> Arrays.binarySearch(kept, i) < 0);
    return IntStream.concat(IntStream.of(kept), others).map(i -> places[i]).toArray();
  }

  @Test
  default void sortsPlacesAndGathersInto() {
    for (int count : new int[] {1, 2, 31, 700, 2880}) {
      int[] x = random().below(random().flip() ? 5 : 1 << 30, count);
      Indices out = device().indices(random().below(9, count + 3));
      int[] expected = kernels().download(out);
      Integer[] places = IntStream.range(0, count).boxed().toArray(Integer[]::new);
      Arrays.sort(places, (a, b) -> Integer.compare(x[a], x[b])); // Stable.
      for (int i = 0; i < count; i++) {
        expected[1 + i] = places[i];
      }
      kernels().sortPlaces(device().indices(x), out.part(1, count));
      assertThat(kernels().download(out)).isEqualTo(expected);
      Indices sorted = device().indices(random().below(9, count + 2));
      int[] gathered = kernels().download(sorted);
      kernels().gather(device().indices(x), out.part(1, count), sorted.part(2, count));
      System.arraycopy(IntStream.of(x).sorted().toArray(), 0, gathered, 2, count);
      assertThat(kernels().download(sorted)).isEqualTo(gathered);
      device().endCase();
    }
  }

  @Test
  default void averagesHeads() {
    for (int size : AttentionContract.SIZES) {
      for (AttentionContract.Group group : AttentionContract.GROUPS) {
        Heads heads = group.of(size);
        int rows = random().oneOf(TOKENS);
        float[] x = random().normal(rows * heads.keyValueColumns(), 3);
        Output out = device().output(DType.FLOAT32, rows, size);
        kernels().averageHeads(device().input(x, heads.keyValueColumns()), heads, out.view());
        device().check("mean of " + heads, out, CutReference.averageHeads(x, heads));
        device().endCase();
      }
    }
  }

  @Test
  default void findsTheTargetMostLikeEachToken() {
    for (int columns : COLUMNS) {
      for (int rows : List.of(2, 7, 48, 577)) {
        String what = "nearest of %d × %d".formatted(rows, columns);
        compared(
            what,
            () -> {
              float[] x = new float[rows * columns];
              float[] drawn = random().normal(x.length, random().oneOf(0.01, 1, 100));
              System.arraycopy(drawn, 0, x, 0, x.length);
              repeatRows(x, columns);
              int[] shuffled = random().distinctBelow(rows, rows);
              int count = random().between(1, Math.min(rows - 1, 70));
              int[] targets = Arrays.copyOf(shuffled, count);
              int[] others = Arrays.copyOfRange(shuffled, count, rows);
              Indices out = device().indices(random().below(9, others.length));
              // Columns few, cosines crowd: what float32 can't tell apart says nothing.
              int[] expected = new CutReference(x, columns, 1e-6).nearest(targets, others);
              kernels()
                  .nearest(
                      device().input(DType.FLOAT32, x, columns),
                      device().indices(targets),
                      device().indices(others),
                      out);
              return chose(what, expected, out);
            });
      }
    }
  }

  @Test
  default void aTokenWithoutDirectionIsNobodysNearest() {
    float[] x = {0, 0, 1, 0, 0, 1, 3, 4, -2, -2, 0, 0, Float.NaN, 1};
    Indices out = device().indices(7, 7, 7, 7);
    Tensor rows = device().input(DType.FLOAT32, x, 2);
    Indices others = device().indices(3, 4, 5, 6);
    // By target: none, (1, 0), (0, 1); (-2, -2) is as far from both.
    kernels().nearest(rows, device().indices(0, 1, 2), others, out);
    assertThat(kernels().download(out)).containsExactly(2, 1, 0, 0);
    kernels().nearest(rows, device().indices(0, 6), others, out);
    assertThat(kernels().download(out)).containsOnly(0);
  }

  @Test
  default void mergesEachTokenIntoItsTarget() {
    for (int columns : COLUMNS) {
      for (int rows : List.of(1, 2, 7, 48, 130)) {
        float[] x = random().normal(rows * columns, random().oneOf(0.1, 1, 30));
        int[] shuffled = random().distinctBelow(rows, rows);
        int count = random().between(1, rows);
        int[] targets = Arrays.copyOf(shuffled, count);
        int[] others = Arrays.copyOfRange(shuffled, count, rows);
        // Some targets get nothing, and in small cases one gets all.
        int[] into = random().below(random().flip() ? 1 : count, others.length);
        Output out = device().output(count, columns);
        kernels()
            .mergeRows(
                device().input(x, columns),
                device().indices(targets),
                device().indices(others),
                device().indices(into),
                out.view());
        device()
            .check(
                "%d of %d rows merged".formatted(others.length, rows),
                out,
                new CutReference(x, columns, 0).merged(targets, others, into));
        device().endCase();
      }
    }
  }

  @Test
  default void choosesRowsThatAreFarFromEachOther() {
    for (int columns : COLUMNS) {
      for (int rows : TOKENS) {
        String what = "diverse of %d × %d".formatted(rows, columns);
        compared(
            what,
            () -> {
              float[] x = random().normal(rows * columns, random().oneOf(0.01, 1, 30));
              repeatRows(x, columns);
              int count = random().between(0, rows);
              Indices out = device().indices(random().below(9, count));
              kernels().selectDiverse(device().input(x, columns), out);
              int[] expected = new CutReference(x, columns, margin()).diverse(count);
              return chose(what, expected, out);
            });
      }
    }
  }

  @Test
  default void equalRowsAreEquallyFarWhereverTheyLie() {
    // Few different rows in many places, of more columns than any block: all else is ties.
    int columns = 700;
    float[] kinds = random().normal(5 * columns, 1);
    for (int rows : new int[] {40, 133}) {
      int[] kind = random().below(5, rows);
      float[] x = new float[rows * columns];
      for (int r = 0; r < rows; r++) {
        System.arraycopy(kinds, kind[r] * columns, x, r * columns, columns);
      }
      int distinct = (int) IntStream.of(kind).distinct().count();
      int[] firsts =
          IntStream.range(0, rows)
              .filter(r -> IntStream.range(0, r).allMatch(q -> kind[q] != kind[r]))
              .toArray();
      Indices out = device().indices(new int[distinct]);
      kernels().selectDiverse(device().input(x, columns), out);
      assertThat(kernels().download(out)).isEqualTo(firsts);
      // Once each kind is there, every distance is the same 0, or what rounding makes of it.
      float[] ones = new float[rows];
      Arrays.fill(ones, 1);
      Tensor relevance = device().input(DType.FLOAT32, ones, rows);
      kernels().selectDeterminantal(device().input(x, columns), relevance, out);
      assertThat(kernels().download(out)).isEqualTo(firsts);
      device().endCase();
    }
  }

  @Test
  default void choosesAmongThousandsOfRows() {
    int rows = RandomData.large() ? 2880 : 600;
    int columns = 12;
    // One row is told from all others by each of some columns; those are chosen first.
    float[] x = new float[rows * columns];
    int[] special = random().distinctBelow(rows, columns - 1);
    for (int r = 0; r < rows; r++) {
      x[r * columns + columns - 1] = 1;
    }
    for (int i = 0; i < special.length; i++) {
      x[special[i] * columns + columns - 1] = 0;
      x[special[i] * columns + i] = random().oneOf(-2, 1, 5);
    }
    int[] expected =
        IntStream.concat(
                IntStream.of(special),
                IntStream.range(0, rows)
                    .filter(r -> IntStream.of(special).noneMatch(s -> s == r))
                    .limit(1))
            .sorted()
            .toArray();
    Indices out = device().indices(new int[columns]);
    kernels().selectDiverse(device().input(x, columns), out);
    assertThat(kernels().download(out)).isEqualTo(expected);
    float[] ones = new float[rows];
    Arrays.fill(ones, 1);
    kernels()
        .selectDeterminantal(
            device().input(x, columns), device().input(DType.FLOAT32, ones, rows), out);
    assertThat(kernels().download(out)).isEqualTo(expected);
  }

  @Test
  default void rowsWithoutDirectionAreChosenLast() {
    float[] x = {0, 0, 1, 0, Float.NaN, 1, 0, 2, 3, 3};
    float[] relevance = {1, 0.5f, 1, 0.5f, Float.NaN};
    int[][] diverse = {{1}, {1, 3}, {1, 3, 4}, {0, 1, 3, 4}, {0, 1, 2, 3, 4}};
    int[][] determinantal = {{1}, {1, 3}, {0, 1, 3}, {0, 1, 2, 3}, {0, 1, 2, 3, 4}};
    for (int count = 1; count <= 5; count++) {
      Indices out = device().indices(new int[count]);
      kernels().selectDiverse(device().input(x, 2), out);
      assertThat(kernels().download(out)).isEqualTo(diverse[count - 1]);
      kernels()
          .selectDeterminantal(
              device().input(x, 2), device().input(DType.FLOAT32, relevance, 5), out);
      assertThat(kernels().download(out)).isEqualTo(determinantal[count - 1]);
    }
  }

  @Test
  default void scalesRelevanceToAllOfItsRange() {
    for (int columns : COLUMNS) {
      for (int rows : List.of(2, 7, 48, 577)) {
        int words = random().between(1, 40);
        float[] x = random().normal(rows * columns, random().oneOf(0.01, 1, 30));
        Arrays.fill(x, 0, columns, random().flip() ? 0 : x[0]);
        float[] text = random().normal(words * columns, 1);
        Output out = device().output(DType.FLOAT32, 1, rows);
        kernels().relevance(device().input(x, columns), device().input(text, columns), out.view());
        String what = "relevance of %d × %d to %d".formatted(rows, columns, words);
        device().check(what, out, new CutReference(x, columns, 0).relevance(text));
        device().endCase();
      }
    }
  }

  @Test
  default void allRowsAreRelevantWhereNoneIsMoreThanAnother() {
    float[] x = new float[5 * 3];
    Arrays.fill(x, 2);
    Output out = device().output(DType.FLOAT32, 1, 5);
    kernels().relevance(device().input(x, 3), device().input(new float[] {1, 2, 4}, 3), out.view());
    assertThat(out.read()).containsOnly(1);
    Output one = device().output(DType.FLOAT32, 1, 1);
    kernels().relevance(device().input(new float[] {1, 2, 4}, 3), device().input(x, 3), one.view());
    assertThat(one.read()).containsOnly(1);
  }

  @Test
  default void choosesRelevantRowsThatAreUnlikeEachOther() {
    for (int columns : COLUMNS) {
      for (int rows : List.of(1, 2, 3, 7, 31, 40)) {
        choosesRelevantRows(rows, columns, Math.min(rows, 12));
      }
    }
  }

  /** A device may account for chosen rows some at a time. */
  @Test
  default void choosesManyRelevantRows() {
    choosesRelevantRows(70, 100, 60);
  }

  private void choosesRelevantRows(int rows, int columns, int most) {
    String what = "determinantal of %d × %d".formatted(rows, columns);
    compared(
        what,
        () -> {
          float[] x = random().normal(rows * columns, random().oneOf(0.01, 1, 30));
          repeatRows(x, columns);
          float[] relevance = random().normal(rows, 1);
          for (int i = 0; i < rows; i++) {
            // The least relevant row of a prompt has exactly 0, and so adds nothing.
            relevance[i] = i % 5 == 4 ? 0 : Math.min(1, Math.abs(relevance[i]) + 0.05f);
          }
          int count = random().between(most / 2, most);
          Indices out = device().indices(random().below(9, count));
          kernels()
              .selectDeterminantal(
                  device().input(x, columns), device().input(DType.FLOAT32, relevance, rows), out);
          int[] expected =
              new CutReference(x, columns, 10 * margin()).determinantal(relevance, count);
          return chose(what, expected, out);
        });
  }

  /**
   * How far apart ranks must be for a device to tell them apart: it compares in float32, which
   * holds numbers of every type exactly.
   */
  private double margin() {
    return Math.min(device().tolerance(), 5e-5) / 5;
  }

  /** Makes some rows equal to others, so that there are exact ties. */
  private void repeatRows(float[] x, int columns) {
    int rows = x.length / columns;
    for (int i = 0; i < rows / 6; i++) {
      int from = random().between(0, rows - 1);
      int to = random().between(0, rows - 1);
      System.arraycopy(x, from * columns, x, to * columns, columns);
    }
  }

  /** Compares a choice, if it is sure what should have been chosen, and says whether it is. */
  private boolean chose(String what, int @Nullable [] expected, Indices out) {
    if (expected == null) {
      return false;
    }
    assertThat(kernels().download(out)).as(what).isEqualTo(expected);
    return true;
  }

  /** Compares a draw whose choices are sure; one of many has to be. */
  private void compared(String what, BooleanSupplier draw) {
    for (int i = 0; i < DRAWS; i++) {
      boolean sure = draw.getAsBoolean();
      device().endCase();
      if (sure) {
        return;
      }
    }
    throw new AssertionError(what + ": no draw without a choice that is too close");
  }

  @Test
  default void cutsAreRepeatedByARecording() {
    int rows = 40;
    int columns = 64;
    Heads heads = new Heads(4, 4, 16);
    Tensor x = device().owned(kernels().allocate(rows, columns));
    Tensor scores = device().owned(kernels().allocate(DType.FLOAT32, 1, rows));
    Tensor means = device().owned(kernels().allocate(DType.FLOAT32, rows, 16));
    Indices places = device().indices(IntStream.range(1, rows).toArray());
    Indices split = device().indices(new int[rows - 1]);
    Indices evenly = device().indices(0, 6, 12, 18);
    Indices between = device().indices(1, 2, 3, 20, 21, 22, 23, 24);
    Indices into = device().indices(new int[8]);
    Indices chosen = device().indices(new int[2]);
    Indices relevant = device().indices(new int[35]);
    Indices order = device().indices(new int[rows - 1]);
    Tensor merged = device().owned(kernels().allocate(4, columns));
    Tensor relevance = device().owned(kernels().allocate(DType.FLOAT32, 1, rows));
    Runnable work =
        () -> {
          kernels().scoreTokens(x.rows(0, 9), heads, x, scores);
          kernels().splitTopK(scores, places, 7, split);
          kernels().averageHeads(x, heads, means);
          Indices rest = split.part(7, rows - 8);
          try (Indices targets = kernels().gather(rest, evenly);
              Indices others = kernels().gather(rest, between)) {
            kernels().nearest(means, targets, others, into);
            kernels().mergeRows(x, targets, others, into, merged);
          }
          kernels().selectDiverse(merged, chosen);
          kernels().relevance(x, merged, relevance);
          kernels().selectDeterminantal(x, relevance, relevant);
          kernels().sortPlaces(split, order);
        };
    try (Recording recording = kernels().record(work)) {
      for (int round = 0; round < 3; round++) {
        kernels().upload(random().normal(rows * columns, 1), x);
        work.run();
        float[] expected = kernels().download(merged);
        float[] expectedRelevance = kernels().download(relevance);
        List<Indices> numbers = List.of(into, chosen, relevant, order);
        List<int[]> expectedNumbers = numbers.stream().map(kernels()::download).toList();
        kernels().upload(new float[4 * columns], merged);
        kernels().upload(new float[rows], relevance);
        numbers.forEach(each -> kernels().upload(new int[each.size()], each));
        recording.run();
        recording.run();
        assertThat(kernels().download(merged)).isEqualTo(expected);
        assertThat(kernels().download(relevance)).isEqualTo(expectedRelevance);
        for (int i = 0; i < numbers.size(); i++) {
          assertThat(kernels().download(numbers.get(i))).isEqualTo(expectedNumbers.get(i));
        }
      }
    }
  }
}
