package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** {@link Kernels#attention}. */
interface AttentionContract extends ContractPart {
  List<Integer> SIZES = List.of(2, 6, 8, 16, 64, 72, 80, 128);
  List<Integer> LENGTHS = List.of(1, 2, 7, 127, 128, 129, 300);

  List<Group> GROUPS = List.of(new Group(6, 2), new Group(4, 1), new Group(5, 5));

  /** Decode, a few rows, and more than one block of query tiles. */
  List<Integer> QUERIES = List.of(1, 2, 3, 4, 5, 6, 7, 11, 40, 41, 61);

  /** How many heads of each kind. */
  record Group(int query, int keyValue) {
    Heads of(int size) {
      return new Heads(query, keyValue, size);
    }
  }

  /** One attention's shape. */
  record Case(Heads heads, int queries, int keys, Kind kind) {}

  /** Which mask. */
  enum Kind {
    FULL,
    CAUSAL,
    ASCENDING,
    ANY_ORDER
  }

  @Test
  default void attendsToWhatEachRowSees() {
    List<Case> all = new ArrayList<>();
    for (int size : SIZES) {
      for (int keys : LENGTHS) {
        for (Kind kind : Kind.values()) {
          int queries = random().oneOf(QUERIES);
          if (kind == Kind.CAUSAL) {
            queries = Math.min(queries, keys);
          }
          all.add(new Case(random().oneOf(GROUPS).of(size), queries, keys, kind));
        }
      }
    }
    for (Case sizes : random().cases(all)) {
      attends(sizes, random().oneOf(0.1, 1, 6, 60), random().oneOf(0, 0, 0, 90, -90, 400, -400));
    }
  }

  /** Sizes, and rows whose every address is a multiple of 16, that tensor cores can take. */
  @Test
  default void attendsInTilesOfManyRows() {
    List<Case> all = new ArrayList<>();
    for (int size : new int[] {64, 72, 128}) {
      for (Kind kind : Kind.values()) {
        for (int queries : new int[] {9, 64, 65, 130}) {
          int keys = queries + random().oneOf(0, 1, 63, 70);
          all.add(new Case(random().oneOf(GROUPS).of(size), queries, keys, kind));
        }
      }
    }
    for (Case sizes : random().fewCases(all)) {
      attends(sizes, sizes.heads.queryColumns() + random().oneOf(0, 8, 64), 1, 0);
    }
  }

  @Test
  default void takesThousandsOfKeys() {
    int keys = RandomData.large() ? 2100 : 300;
    for (int queries : new int[] {1, 90}) {
      attends(new Case(new Heads(2, 1, 16), queries, keys, Kind.CAUSAL), 3, 0);
    }
  }

  /** More tiles of keys than are in shared memory at a time, behind keys that came before. */
  @Test
  default void attendsToManyTilesOfKeys() {
    for (Kind kind : List.of(Kind.FULL, Kind.CAUSAL)) {
      int queries = random().between(130, 200);
      int keys = RandomData.large() ? queries + random().between(300, 500) : queries + 70;
      attends(new Case(new Heads(2, 1, 128), queries, keys, kind), 256 + 8, 6, 0);
    }
  }

  /** A decode step's row: what it sees of the cache is its own key, rotated, and all before it. */
  @Test
  default void aRowStoresItsKeyAndAttendsUpToIt() {
    for (int size : SIZES) {
      for (int room : LENGTHS) {
        storesAndAttends(random().oneOf(GROUPS).of(size), room, random().below(room, 1)[0]);
      }
    }
  }

  private void storesAndAttends(Heads heads, int room, int to) {
    int q = heads.queryColumns();
    int kv = heads.keyValueColumns();
    float[] x = random().normal(q + 2 * kv, 1);
    float[] keys = random().normal(room * kv, 1);
    float[] values = random().normal(room * kv, 1);
    Arrays.fill(keys, to * kv, keys.length, Float.NaN);
    Arrays.fill(values, to * kv, values.length, Float.NaN);
    Rotary rotary = device().owned(kernels().rotary(heads.size(), 10_000, 700));
    int[] position = random().below(700, 1);
    Output qkv = device().output(x, q + 2 * kv);
    Output k = device().output(keys, kv);
    Output v = device().output(values, kv);
    Output out = device().output(1, q);
    kernels()
        .storeAndAttend(
            qkv.view(),
            heads,
            rotary,
            device().indices(position),
            device().indices(to),
            k.view(),
            v.view(),
            out.view());
    String what = "%s, row %d of %d".formatted(heads, to, room);
    float[] own = Arrays.copyOfRange(x, q, q + kv);
    float[] turned = Arrays.copyOfRange(k.read(), to * kv, (to + 1) * kv);
    Reference.rotate(own, kv, heads.keyValue(), heads.size(), 10_000, position)
        .check(what + ", its key", kernels().dtype(), turned, device().tolerance());
    System.arraycopy(turned, 0, keys, to * kv, kv);
    System.arraycopy(x, q + kv, values, to * kv, kv);
    device().check(what + ", keys", k, Expected.exactly(keys, kv));
    device().check(what + ", values", v, Expected.exactly(values, kv));
    // The row before it is rotated by an operation that has a contract of its own.
    Output queries = device().output(Arrays.copyOf(x, q), q);
    kernels().rotate(queries.view(), heads.query(), rotary, device().indices(position));
    int[] visible = {to + 1};
    device().check(what, out, Reference.attention(queries.read(), q, heads, keys, values, visible));
    device().endCase();
  }

  /** Queries, keys and values side by side; sequences see nothing of each other. */
  @Test
  default void attendsWithinEachSequence() {
    List<Case> all = new ArrayList<>();
    for (int size : new int[] {16, 64, 72, 128}) {
      for (int rows : new int[] {1, 7, 130, 145}) {
        all.add(new Case(random().oneOf(GROUPS).of(size), rows, rows, Kind.FULL));
      }
    }
    for (Case sizes : random().fewCases(all)) {
      attendsWithin(sizes.heads, random().between(1, 3), sizes.queries);
    }
  }

  /** Nothing of a head's neighbours gets into it, though they lie in the same rows. */
  @Test
  default void aHeadSeesNothingOfItsNeighbours() {
    for (int size : new int[] {16, 64, 72, 128}) {
      for (int rows : new int[] {5, 61}) {
        seesNothingOfNeighbours(new Heads(3, 3, size), rows);
      }
    }
  }

  private void seesNothingOfNeighbours(Heads heads, int rows) {
    int width = heads.queryColumns();
    float[] qkv = random().normal(rows * 3 * width, 1);
    float[] clean = qkv.clone();
    int own = random().between(0, heads.query() - 1);
    for (int i = 0; i < qkv.length; i++) {
      if (i % width / heads.size() != own) {
        qkv[i] = Float.NaN;
      }
    }
    Output out = device().output(rows, width);
    kernels().selfAttention(device().input(qkv, 3 * width), heads, 1, out.view());
    Heads one = new Heads(1, 1, heads.size());
    int at = own * heads.size();
    float[] q = columns(clean, 3 * width, at, heads.size());
    float[] keys = columns(clean, 3 * width, width + at, heads.size());
    float[] values = columns(clean, 3 * width, 2 * width + at, heads.size());
    int[] visible = new int[rows];
    Arrays.fill(visible, rows);
    Reference.attention(q, heads.size(), one, keys, values, visible)
        .rounded(device().weightTolerance())
        .check(
            "head %d of %s, %d rows".formatted(own, heads, rows),
            kernels().dtype(),
            columns(out.read(), width, at, heads.size()),
            device().tolerance());
    device().endCase();
  }

  private void attendsWithin(Heads heads, int sequences, int rows) {
    int kv = heads.keyValueColumns();
    int columns = heads.queryColumns() + 2 * kv;
    float[] qkv = random().normal(sequences * rows * columns, 1);
    int broken = random().between(0, 2 * sequences);
    if (broken < sequences) {
      Arrays.fill(qkv, broken * rows * columns, (broken + 1) * rows * columns, Float.NaN);
    }
    Output out = device().output(sequences * rows, heads.queryColumns());
    kernels().selfAttention(device().input(qkv, columns), heads, sequences, out.view());
    float[] actual = out.read();
    int[] visible = new int[rows];
    Arrays.fill(visible, rows);
    for (int i = 0; i < sequences; i++) {
      if (i != broken) {
        float[] own = Arrays.copyOfRange(qkv, i * rows * columns, (i + 1) * rows * columns);
        float[] keys = columns(own, columns, heads.queryColumns(), kv);
        float[] values = columns(own, columns, heads.queryColumns() + kv, kv);
        int each = rows * heads.queryColumns();
        Reference.attention(own, columns, heads, keys, values, visible)
            .rounded(device().weightTolerance())
            .check(
                "sequence %d of %d, %d rows of %s".formatted(i, sequences, rows, heads),
                kernels().dtype(),
                Arrays.copyOfRange(actual, i * each, (i + 1) * each),
                device().tolerance());
      }
    }
    device().endCase();
  }

  private static float[] columns(float[] rows, int columns, int first, int count) {
    float[] some = new float[rows.length / columns * count];
    for (int i = 0; i < some.length; i++) {
      some[i] = rows[i / count * columns + first + i % count];
    }
    return some;
  }

  /**
   * Attends with more heads than keys and values of are near at a time, where a device brings some
   * nearer: the last of them are fewer than the others.
   */
  default void attendsToMoreHeadsThanAreNear(int queries, int keys) {
    Heads heads = new Heads(7, 7, 128);
    attends(new Case(heads, queries, keys, Kind.ASCENDING), heads.queryColumns(), 1, 0);
  }

  /** One query of few heads, whose keys are split over as many blocks as there can be. */
  default void attendsToManyKeys(int keys) {
    Heads heads = new Heads(2, 1, 8);
    attends(new Case(heads, 1, keys, Kind.ASCENDING), heads.queryColumns(), 1, 0);
  }

  /** One query that sees all of so many keys; in a decode step the last of them is its own. */
  default void attendsToAllKeys(Heads heads, int keys) {
    attends(new Case(heads, 1, keys, Kind.FULL), heads.queryColumns(), 1, 0);
    storesAndAttends(heads, keys + 3, keys - 1);
  }

  /**
   * Attends with scores of this deviation around {@code shift}: far above 88, e^score overflows,
   * and far below it vanishes.
   */
  private void attends(Case sizes, double deviation, double shift) {
    attends(sizes, sizes.heads.queryColumns() + random().between(0, 9), deviation, shift);
  }

  private void attends(Case sizes, int columns, double deviation, double shift) {
    Heads heads = sizes.heads;
    float[] q = queries(sizes, columns, deviation);
    float[] keys = random().normal(sizes.keys * heads.keyValueColumns(), 1);
    float[] values = random().normal(sizes.keys * heads.keyValueColumns(), 1);
    if (shift != 0) {
      shift(q, columns, keys, heads, shift);
    }
    int[] visible = device().visible(sizes);
    Output out = device().output(sizes.queries, heads.queryColumns());
    kernels()
        .attention(
            device().input(q, columns),
            heads,
            device().input(keys, heads.keyValueColumns()),
            device().input(values, heads.keyValueColumns()),
            device().mask(sizes, visible),
            out.view());
    device()
        .check(
            "attention %s, deviation %s, shift %s".formatted(sizes, deviation, shift),
            out,
            Reference.attention(q, columns, heads, keys, values, visible)
                .rounded(device().weightTolerance()));
    device().endCase();
  }

  /** Queries whose further columns must not be read. */
  private float[] queries(Case sizes, int columns, double deviation) {
    float[] q = random().normal(sizes.queries * columns, deviation);
    for (int row = 0; row < sizes.queries; row++) {
      int end = (row + 1) * columns;
      Arrays.fill(q, row * columns + sizes.heads.queryColumns(), end, Float.NaN);
    }
    return q;
  }

  /** Makes channel 0 of every head add the same to every score. */
  private void shift(float[] q, int columns, float[] keys, Heads heads, double shift) {
    for (int i = 0; i < keys.length; i += heads.size()) {
      keys[i] = random().round(shift * Math.sqrt(heads.size()) / 8);
    }
    for (int row = 0; row < q.length; row += columns) {
      for (int head = 0; head < heads.query(); head++) {
        q[row + head * heads.size()] = 8;
      }
    }
  }

  @Test
  default void doesNotLetUnseenKeysThrough() {
    for (Kind kind : List.of(Kind.CAUSAL, Kind.ASCENDING, Kind.ANY_ORDER)) {
      for (int queries : new int[] {3, 7, 61}) {
        for (int size : new int[] {16, 64, 72, 128}) {
          unseenKeysStayOut(new Case(new Heads(4, 2, size), queries, 200, kind));
        }
      }
    }
  }

  /**
   * A decode step of several sequences gives each the bits that rotating, storing and attending for
   * it alone do, which are held to references of their own.
   */
  @Test
  default void decodesEachRowAgainstItsOwnCache() {
    for (int count : new int[] {1, 2, 3, 8}) {
      for (Group group : GROUPS) {
        decodes(group.of(random().oneOf(SIZES)), count);
      }
    }
  }

  private void decodes(Heads heads, int count) {
    int width = heads.queryColumns() + 2 * heads.keyValueColumns();
    Rotary rotary = device().owned(kernels().rotary(heads.size(), 10_000, 500));
    Output together = device().output(random().normal(count * width, 1), width);
    Output apart = device().output(together.read(), width);
    Output out = device().output(count, heads.queryColumns());
    Output expected = device().output(count, heads.queryColumns());
    List<CachedSequence> sequences = new ArrayList<>();
    List<Output> caches = new ArrayList<>();
    List<Output> expectedCaches = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int length = random().oneOf(LENGTHS);
      // Rows from its own on hold anything.
      int row = random().between(0, length - 1);
      Indices at = device().indices(row);
      Indices position = device().indices(random().between(row, 499));
      List<Output> own = new ArrayList<>();
      for (int kind = 0; kind < 2; kind++) {
        float[] held = random().normal(length * heads.keyValueColumns(), 1);
        Arrays.fill(held, row * heads.keyValueColumns(), held.length, Float.NaN);
        caches.add(device().output(held, heads.keyValueColumns()));
        own.add(device().output(held, heads.keyValueColumns()));
      }
      expectedCaches.addAll(own);
      Tensor keys = own.getFirst().view();
      Tensor values = own.getLast().view();
      Tensor alone = apart.view().rows(i, 1);
      kernels().rotateAndStore(alone, heads, rotary, position, at, keys, values);
      Tensor to = expected.view().rows(i, 1);
      kernels().attention(alone, heads, keys, values, new Mask.UpTo(at), to);
      sequences.add(
          new CachedSequence(position, at, caches.get(2 * i).view(), caches.get(2 * i + 1).view()));
    }
    kernels().decodeAttention(together.view(), heads, rotary, sequences, out.view());
    String what = "%d sequences, %s".formatted(count, heads);
    assertThat(out.read()).as(what).doesNotContain(Float.NaN).isEqualTo(expected.read());
    for (int i = 0; i < caches.size(); i++) {
      assertThat(caches.get(i).read()).as(what).isEqualTo(expectedCaches.get(i).read());
    }
    device().endCase();
  }

  /**
   * Some keys and values are as large as floats go, and those that no row sees are NaN: rows that
   * don't see them must not change.
   */
  private void unseenKeysStayOut(Case sizes) {
    Heads heads = sizes.heads;
    int columns = heads.queryColumns();
    int stride = heads.keyValueColumns();
    float[] q = queries(sizes, columns, 1);
    float[] keys = random().normal(sizes.keys * stride, 1);
    float[] values = random().normal(sizes.keys * stride, 1);
    int[] visible = device().visible(sizes);
    int[] sorted = visible.clone();
    Arrays.sort(sorted);
    int cut = sorted[(sorted.length - 1) / 2];
    for (int i = cut * stride; i < keys.length; i++) {
      boolean narrow = kernels().dtype() == DType.FLOAT16;
      keys[i] = random().round(random().flip() ? (narrow ? 6e4 : 1e30) : (narrow ? -6e4 : -1e30));
      values[i] = random().round(random().flip() ? (narrow ? 6e4 : 1e38) : (narrow ? -6e4 : -1e38));
    }
    int behind = sorted[sorted.length - 1] * stride;
    Arrays.fill(keys, behind, keys.length, Float.NaN);
    Arrays.fill(values, behind, values.length, Float.NaN);
    Output out = device().output(sizes.queries, columns);
    kernels()
        .attention(
            device().input(q, columns),
            heads,
            device().input(keys, stride),
            device().input(values, stride),
            device().mask(sizes, visible),
            out.view());
    float[] actual = out.read();
    for (int row = 0; row < sizes.queries; row++) {
      if (visible[row] <= cut) {
        float[] one = Arrays.copyOfRange(q, row * columns, (row + 1) * columns);
        Reference.attention(one, columns, heads, keys, values, new int[] {visible[row]})
            .rounded(device().weightTolerance())
            .check(
                "row %d of %s, cut at %d".formatted(row, sizes, cut),
                kernels().dtype(),
                Arrays.copyOfRange(actual, row * columns, (row + 1) * columns),
                device().tolerance());
      }
    }
    device().endCase();
  }
}
