package org.pyramiddrop.kernels;

import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The shapes and types that each operation takes: one method an operation, named alike. */
final class Shapes {
  private Shapes() {}

  /** See {@link Kernels#weight}. */
  static void weight(List<HostMatrix> parts) {
    if (parts.isEmpty()) {
      throw new IllegalArgumentException("a weight needs at least one matrix");
    }
    for (HostMatrix part : parts) {
      equal("columns of a part", part.columns(), "columns of the first", parts.get(0).columns());
      if (part.dtype() != parts.get(0).dtype()) {
        throw new IllegalArgumentException(
            "a %s matrix can't be stacked on a %s one"
                .formatted(part.dtype(), parts.get(0).dtype()));
      }
    }
  }

  /** See {@link Kernels#upload(float[], Tensor)}. */
  static void upload(float[] values, Tensor out) {
    equal("uploaded numbers", values.length, "the tensor", (long) out.rows() * out.columns());
  }

  /** See {@link Kernels#upload(int[], Indices)}. */
  static void upload(int[] values, Indices out) {
    equal("uploaded numbers", values.length, "the indices", out.size());
  }

  /** See {@link Kernels#embed}. */
  static void embed(Weight table, Indices ids, Tensor out) {
    equal("ids", ids.size(), "rows of out", out.rows());
    equal("columns of the table", table.columns(), "columns of out", out.columns());
  }

  /** See {@link Kernels#copyColumns}. */
  static void copyColumns(Tensor x, Tensor out, int firstColumn) {
    equal("rows of x", x.rows(), "rows of out", out.rows());
    atLeast("first column", firstColumn, 0);
    atLeast("columns of out", out.columns(), Math.addExact(firstColumn, x.columns()));
  }

  /** See {@link Kernels#copy}. */
  static void copy(Tensor x, Tensor out) {
    same("x", x, "out", out);
    type("x", x, out.dtype());
  }

  /** See {@link Kernels#add}. */
  static void add(Tensor x, Weight w) {
    equal("rows of x", x.rows(), "rows of w", w.rows());
    equal("columns of x", x.columns(), "columns of w", w.columns());
  }

  /** Refuses a tensor whose numbers are stored otherwise. */
  static void type(String what, Tensor x, DType dtype) {
    if (x.dtype() != dtype) {
      throw new IllegalArgumentException(
          "%s holds %s, but has to hold %s".formatted(what, x.dtype(), dtype));
    }
  }

  /** See {@link Kernels#patches}. */
  static void patches(Tensor pixels, int channels, int patch, int before, Tensor out) {
    atLeast("channels", channels, 1);
    atLeast("side of a square", patch, 1);
    atLeast("rows before", before, 0);
    int side = side(pixels, channels);
    equal("pixels", pixels.columns(), "channels of square pictures", (long) channels * side * side);
    long squares = (long) (side / patch) * (side / patch);
    equal("rows of out", out.rows(), "squares", pixels.rows() * (before + squares));
    atLeast("columns of out", out.columns(), channels * patch * patch);
  }

  /** Of square pictures. */
  static int side(Tensor pixels, int channels) {
    return (int) Math.round(Math.sqrt((double) pixels.columns() / channels));
  }

  /** See {@link Kernels#checksums}. */
  static void checksums(Tensor x, Indices out) {
    long bytes = (long) x.rows() * x.columns() * x.dtype().bytes();
    equal("bytes of x beyond parts of 16", bytes % (16L * Math.max(1, out.size())), "none", 0);
  }

  /** See {@link Kernels#gatherRows}. */
  static void gatherRows(Tensor x, Indices rows, Tensor out) {
    equal("rows picked", rows.size(), "rows of out", out.rows());
    equal("columns of x", x.columns(), "columns of out", out.columns());
  }

  /** See {@link Kernels#linear}. */
  static void linear(Tensor x, Weight w, @Nullable Weight bias, Tensor out) {
    equal("columns of x", x.columns(), "columns of w", w.columns());
    equal("rows of x", x.rows(), "rows of out", out.rows());
    equal("rows of w", w.rows(), "columns of out", out.columns());
    if (bias != null) {
      vector("bias", bias, out.columns());
    }
  }

  /** See {@link Kernels#swiGlu}. */
  static void swiGlu(Tensor x, Weight gateUp, Tensor out) {
    equal("columns of x", x.columns(), "columns of gate and up", gateUp.columns());
    equal("rows of x", x.rows(), "rows of out", out.rows());
    equal("rows of gate and up", gateUp.rows(), "twice the columns of out", 2L * out.columns());
  }

  /** See {@link Kernels#rmsNorm} and {@link Kernels#layerNorm}. */
  static void norm(Tensor x, Weight w, @Nullable Weight bias, Tensor out) {
    same("x", x, "out", out);
    vector("w", w, x.columns());
    if (bias != null) {
      vector("bias", bias, x.columns());
    }
  }

  /** See {@link Kernels#normLinear}. */
  static void normLinear(Tensor x, Weight norm, Weight w, @Nullable Weight bias, Tensor out) {
    vector("norm", norm, x.columns());
    linear(x, w, bias, out);
  }

  /** See {@link Kernels#normSwiGlu}. */
  static void normSwiGlu(Tensor x, Weight norm, Weight gateUp, Tensor out) {
    vector("norm", norm, x.columns());
    swiGlu(x, gateUp, out);
  }

  /** Refuses a weight that is no vector of this size. */
  static void vector(String what, Weight w, int size) {
    equal("rows of " + what, w.rows(), "what it is added to or multiplied with", size);
    equal("columns of " + what, w.columns(), "a vector's", 1);
  }

  /** See {@link Kernels#rotate}. */
  static void rotate(Tensor x, int heads, Rotary rotary, Indices positions) {
    equal("positions", positions.size(), "rows of x", x.rows());
    if (heads < 1 || (long) heads * rotary.headSize() > x.columns()) {
      throw new IllegalArgumentException(
          "%d heads of %d don't fit in %d columns"
              .formatted(heads, rotary.headSize(), x.columns()));
    }
  }

  /** See {@link Kernels#storeKeyValues}. */
  static void storeKeyValues(
      Tensor x,
      int firstColumn,
      @Nullable Rotary rotary,
      @Nullable Indices positions,
      Indices rows,
      Tensor keys,
      Tensor values) {
    same("keys", keys, "values", values);
    equal("rows of x", x.rows(), "rows named in the cache", rows.size());
    atLeast("first column", firstColumn, 0);
    equal(
        "columns of x",
        x.columns(),
        "first column, keys and values",
        firstColumn + 2L * keys.columns());
    if (rotary != null) {
      Objects.requireNonNull(positions, "positions to rotate by");
      equal("positions", positions.size(), "rows", x.rows());
      equal("columns of keys beyond whole heads", keys.columns() % rotary.headSize(), "none", 0);
    }
  }

  /** See {@link Kernels#rotateAndStore}. */
  static void rotateAndStore(
      Tensor qkv,
      Heads heads,
      Rotary rotary,
      Indices positions,
      Indices rows,
      Tensor keys,
      Tensor values) {
    equal("channels of a head", heads.size(), "the table's", rotary.headSize());
    equal("columns of keys", keys.columns(), "key/value heads", heads.keyValueColumns());
    storeKeyValues(qkv, heads.queryColumns(), rotary, positions, rows, keys, values);
  }

  /** See {@link Kernels#attention}. */
  static void attention(Tensor q, Heads heads, Tensor keys, Tensor values, Mask mask, Tensor out) {
    same("keys", keys, "values", values);
    equal("columns of keys", keys.columns(), "key/value heads", heads.keyValueColumns());
    equal("rows of q", q.rows(), "rows of out", out.rows());
    equal("columns of out", out.columns(), "query heads", heads.queryColumns());
    atLeast("columns of q", q.columns(), heads.queryColumns());
    if (mask instanceof Mask.UpTo(Indices lastKey)) {
      equal("last keys", lastKey.size(), "rows of q", q.rows());
    } else if (mask instanceof Mask.Causal) {
      atLeast("rows of keys", keys.rows(), q.rows());
    } else {
      atLeast("rows of keys", keys.rows(), Math.min(q.rows(), 1));
    }
  }

  /** See {@link Kernels#selfAttention}. */
  static void selfAttention(Tensor qkv, Heads heads, int sequences, Tensor out) {
    atLeast("sequences", sequences, 1);
    equal("rows of qkv beyond whole sequences", qkv.rows() % sequences, "none", 0);
    equal(
        "columns of qkv",
        qkv.columns(),
        "queries, keys and values",
        heads.queryColumns() + 2L * heads.keyValueColumns());
    equal("rows of qkv", qkv.rows(), "rows of out", out.rows());
    equal("columns of out", out.columns(), "query heads", heads.queryColumns());
  }

  /** See {@link Kernels#decodeAttention}. */
  static void decodeAttention(
      Tensor qkv, Heads heads, Rotary rotary, List<CachedSequence> sequences, Tensor out) {
    equal("sequences", sequences.size(), "rows of qkv", qkv.rows());
    equal("rows of qkv", qkv.rows(), "rows of out", out.rows());
    equal("columns of out", out.columns(), "query heads", heads.queryColumns());
    equal("channels of a head", heads.size(), "the table's", rotary.headSize());
    long columns = heads.queryColumns() + 2L * heads.keyValueColumns();
    equal("columns of qkv", qkv.columns(), "queries, keys and values", columns);
    for (CachedSequence sequence : sequences) {
      equal("positions", sequence.position().size(), "tokens", 1);
      equal("rows", sequence.row().size(), "tokens", 1);
      same("keys", sequence.keys(), "values", sequence.values());
      equal(
          "columns of keys", sequence.keys().columns(), "key/value heads", heads.keyValueColumns());
    }
  }

  /** See {@link Kernels#gather(Indices, Indices, Indices)} and {@link Kernels#sortPlaces}. */
  static void gather(Indices rows, Indices out) {
    equal("numbers picked", rows.size(), "numbers of out", out.size());
  }

  /** See {@link Kernels#scoreTokens}. */
  static void scoreTokens(Tensor queries, Heads heads, Tensor keys, Tensor out) {
    atLeast("rows of queries", queries.rows(), 1);
    atLeast("columns of queries", queries.columns(), heads.queryColumns());
    equal("columns of keys", keys.columns(), "key/value heads", heads.keyValueColumns());
    scores("out", out, keys.rows());
    atLeast("keys", keys.rows(), 1);
  }

  /** Refuses scores that aren't one float32 number a token. */
  private static void scores(String what, Tensor scores, int tokens) {
    equal("rows of " + what, scores.rows(), "rows", 1);
    equal("columns of " + what, scores.columns(), "tokens", tokens);
    type(what, scores, DType.FLOAT32);
  }

  /** See {@link Kernels#selectTopK}. */
  static void selectTopK(Tensor scores, int first, int count, int keep, Indices out, int at) {
    equal("rows of scores", scores.rows(), "rows", 1);
    type("scores", scores, DType.FLOAT32);
    Objects.checkFromIndexSize(first, count, scores.columns());
    Objects.checkFromIndexSize(at, keep, out.size());
    if (keep > count) {
      throw new IllegalArgumentException("can't keep %d of %d tokens".formatted(keep, count));
    }
  }

  /** See {@link Kernels#splitTopK}. */
  static void splitTopK(Tensor scores, Indices places, int keep, Indices out) {
    scores("scores", scores, scores.columns());
    equal("places", places.size(), "numbers of out", out.size());
    Objects.checkFromIndexSize(0, keep, places.size());
  }

  /** See {@link Kernels#averageHeads}. */
  static void averageHeads(Tensor x, Heads heads, Tensor out) {
    equal("rows of x", x.rows(), "rows of out", out.rows());
    equal("columns of x", x.columns(), "key/value heads", heads.keyValueColumns());
    equal("columns of out", out.columns(), "channels of a head", heads.size());
    type("out", out, DType.FLOAT32);
  }

  /** See {@link Kernels#nearest}. */
  static void nearest(Tensor x, Indices targets, Indices others, Indices out) {
    atLeast("targets", targets.size(), 1);
    equal("others", others.size(), "numbers of out", out.size());
    type("x", x, DType.FLOAT32);
  }

  /** See {@link Kernels#mergeRows}. */
  static void mergeRows(Tensor x, Indices targets, Indices others, Indices into, Tensor out) {
    equal("others", others.size(), "places they go into", into.size());
    gatherRows(x, targets, out);
  }

  /** See {@link Kernels#relevance}. */
  static void relevance(Tensor x, Tensor text, Tensor out) {
    atLeast("rows of text", text.rows(), 1);
    equal("columns of x", x.columns(), "columns of text", text.columns());
    scores("out", out, x.rows());
  }

  /** See {@link Kernels#selectDeterminantal}. */
  static void selectDeterminantal(Tensor x, Tensor relevance, Indices out) {
    scores("relevance", relevance, x.rows());
    atMost("chosen rows", out.size(), x.rows());
  }

  /** See {@link Kernels#sample}. */
  static void sample(Tensor logits, Indices seen, Tensor controls, Indices out) {
    equal("rows of logits", logits.rows(), "rows", 1);
    equal("seen", seen.size(), "columns of logits", logits.columns());
    equal("rows of controls", controls.rows(), "rows", 1);
    equal(
        "columns of controls",
        controls.columns(),
        "temperature, topP, uniform, topK and penalty",
        5);
    equal("tokens", out.size(), "rows of logits", 1);
    type("logits", logits, DType.FLOAT32);
    type("controls", controls, DType.FLOAT32);
  }

  /** Refuses two numbers that should be equal, naming both. */
  static void equal(String what, long a, String other, long b) {
    if (a != b) {
      throw new IllegalArgumentException("%s: %d, but %s: %d".formatted(what, a, other, b));
    }
  }

  /** Refuses tensors of different shape. */
  static void same(String a, Tensor x, String b, Tensor y) {
    equal("rows of " + a, x.rows(), "rows of " + b, y.rows());
    equal("columns of " + a, x.columns(), "columns of " + b, y.columns());
  }

  /** Refuses a number that is too small. */
  static void atLeast(String what, int is, int least) {
    if (is < least) {
      throw new IllegalArgumentException("%s: %d, needs at least %d".formatted(what, is, least));
    }
  }

  /** Refuses a number that is too large. */
  static void atMost(String what, int is, int most) {
    if (is > most) {
      throw new IllegalArgumentException("%s: %d, but there are %d".formatted(what, is, most));
    }
  }
}
