package org.pyramiddrop.kernels.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import org.pyramiddrop.kernels.CachedSequence;
import org.pyramiddrop.kernels.Heads;

/**
 * One query at a time against keys where they lie: decode's attention, and the ranking of tokens.
 * Reading the cache once is all there is to do, so nothing is packed.
 *
 * <p>A task has a run of neighbouring heads. Some keys and values at a time are read side by side,
 * all heads of the run before the next ones, so that each is read in order: a head alone takes some
 * hundred bytes of every row, which memory gives at half the speed.
 */
final class QueryAttention {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;

  /** Numbers of a row that a task reads: a small page of memory. */
  private static final int RUN = 1024;

  /** Keys or values that are read side by side. */
  private static final int ROWS = 4;

  private final Workers workers;
  private final Scratch scratch;

  QueryAttention(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  void run(
      CpuTensor q,
      Heads heads,
      CpuTensor keys,
      CpuTensor values,
      Attention.VisibleKeys visible,
      CpuTensor out) {
    List<HeadRun> runs = runs(heads, q.rows());
    workers.run(
        q.rows() * runs.size(),
        (task, worker) -> {
          int row = task / runs.size();
          HeadRun run = runs.get(task % runs.size());
          int see = visible.count(row);
          attend(q, q.row(row), run, keys, values, see, worker, out, out.row(row));
        });
  }

  /**
   * A decode step's: rotates, stores and attends for each row and each run of heads. All sequences'
   * are one job, since a short sequence has less to do than a hand-over takes.
   */
  void decode(
      CpuTensor qkv, Heads heads, CpuRotary rotary, List<CachedSequence> sequences, CpuTensor out) {
    int[] positions = new int[sequences.size()];
    int[] rows = new int[sequences.size()];
    long seen = 0;
    for (int i = 0; i < rows.length; i++) {
      CachedSequence sequence = sequences.get(i);
      positions[i] = CpuKernels.tabulated(sequence.position(), rotary)[0];
      rows[i] = ((CpuIndices) sequence.row()).get(0);
      Objects.checkIndex(rows[i], sequence.keys().rows());
      seen += rows[i] + 1;
    }
    List<HeadRun> runs = runs(heads, rows.length);
    int parts = rows.length * runs.size();
    workers.byPart(
        parts,
        2 * seen * heads.queryColumns() / Math.max(1, parts),
        (part, worker) -> {
          int i = part / runs.size();
          CachedSequence sequence = sequences.get(i);
          CpuTensor keys = (CpuTensor) sequence.keys();
          CpuTensor values = (CpuTensor) sequence.values();
          HeadRun run = runs.get(part % runs.size());
          store(qkv, qkv.row(i), run, rotary, positions[i], rows[i], keys, values);
          attend(qkv, qkv.row(i), run, keys, values, rows[i] + 1, worker, out, out.row(i));
        });
  }

  /** All heads, in runs of so few that every worker gets two tasks, if there are so many. */
  private List<HeadRun> runs(Heads heads, int rows) {
    int shared = rows * heads.keyValue() / (2 * workers.count());
    int most = Math.clamp(shared, 1, Math.max(1, RUN / heads.size()));
    List<HeadRun> runs = new ArrayList<>();
    for (int first = 0; first < heads.keyValue(); first += most) {
      runs.add(new HeadRun(heads, first, Math.min(most, heads.keyValue() - first)));
    }
    return runs;
  }

  /**
   * Neighbouring key/value heads, and the queries that share them.
   *
   * @param first key/value head
   */
  private record HeadRun(Heads heads, int first, int count) {
    /** Queries that share a key. */
    int group() {
      return heads.query() / heads.keyValue();
    }

    int queries() {
      return group() * count;
    }

    /** Where the first one's numbers begin in a row of keys. */
    int column() {
      return first * heads.size();
    }

    /** Where its queries begin in a row of queries. */
    int queryColumn() {
      return group() * column();
    }
  }

  /** Rotates a token's queries and key; key and value go into their rows. */
  private static void store(
      CpuTensor qkv,
      int at,
      HeadRun run,
      CpuRotary rotary,
      int position,
      int row,
      CpuTensor keys,
      CpuTensor values) {
    float[] x = qkv.data();
    CpuKernels.rotateRow(x, at + run.queryColumn(), run.queries(), rotary, position, 1);
    int count = run.count() * run.heads().size();
    int key = at + run.heads().queryColumns() + run.column();
    int keyTo = keys.row(row) + run.column();
    System.arraycopy(x, key, keys.data(), keyTo, count);
    CpuKernels.rotateRow(keys.data(), keyTo, run.count(), rotary, position, 1);
    int value = key + run.heads().keyValueColumns();
    System.arraycopy(x, value, values.data(), values.row(row) + run.column(), count);
  }

  /**
   * Attention of a run's queries.
   *
   * @param at where the row of all queries begins
   * @param to where the row of all outputs begins
   */
  private void attend(
      CpuTensor q,
      int at,
      HeadRun run,
      CpuTensor keys,
      CpuTensor values,
      int see,
      int worker,
      CpuTensor out,
      int to) {
    float[] own = scratch.ofWorker(worker, run.queries() * see + ROWS * Lanes.COUNT);
    probabilities(q.data(), at + run.queryColumn(), run, keys, see, own, run.queries() * see);
    weightedSums(own, run, values, see, out.data(), to + run.queryColumn());
  }

  /** {@code out[j] = mean over heads and queries of softmax(q · k_j / √size)}. */
  void score(CpuTensor queries, Heads heads, CpuTensor keys, CpuTensor out) {
    int count = keys.rows();
    float[] all = scratch.left(heads.query() * count);
    List<HeadRun> runs = runs(heads, 1);
    workers.run(
        runs.size(),
        (task, worker) -> {
          HeadRun run = runs.get(task);
          int scores = run.queries() * count;
          float[] own = scratch.ofWorker(worker, scores + ROWS * Lanes.COUNT);
          int to = run.first() * run.group() * count;
          for (int row = 0; row < queries.rows(); row++) {
            int at = queries.row(row) + run.queryColumn();
            probabilities(queries.data(), at, run, keys, count, own, scores);
            for (int j = 0; j < scores; j++) {
              all[to + j] = row == 0 ? own[j] : all[to + j] + own[j];
            }
          }
        });
    for (int j = 0; j < count; j++) {
      float sum = 0;
      for (int h = 0; h < heads.query(); h++) {
        sum += all[h * count + j];
      }
      out.data()[out.offset() + j] = sum / (heads.query() * queries.rows());
    }
  }

  /**
   * A run's softmax(q · k_j / √size), query by query.
   *
   * @param lanes where {@code ROWS · Lanes.COUNT} numbers have room
   */
  private static void probabilities(
      float[] q, int qi, HeadRun run, CpuTensor keys, int see, float[] out, int lanes) {
    int size = run.heads().size();
    int group = run.group();
    float scale = (float) (1 / Math.sqrt(size));
    int together = see - see % ROWS;
    for (int j = 0; j < see; j += j < together ? ROWS : 1) {
      for (int h = 0; h < run.queries(); h++) {
        int query = qi + h * size;
        int key = keys.row(j) + run.column() + h / group * size;
        int to = h * see + j;
        if (j < together) {
          dots(q, query, keys.data(), key, keys.columns(), size, out, to, lanes);
        } else {
          out[to] = dot(q, query, keys.data(), key, size);
        }
      }
    }
    for (int h = 0; h < run.queries(); h++) {
      int from = h * see;
      for (int j = 0; j < see; j++) {
        out[from + j] *= scale;
      }
      float most = Attention.maximum(out, from, see);
      float total = Exponential.of(out, from, 1, -most, out, from, see);
      for (int j = 0; j < see; j++) {
        out[from + j] /= total;
      }
    }
  }

  /** {@link #ROWS} products with the same a, to the bit what {@link #dot} gives. */
  private static void dots(
      float[] a, int ai, float[] b, int bi, int stride, int count, float[] out, int to, int lanes) {
    FloatVector s0 = FloatVector.zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(F, a, ai + i);
      int from = bi + i;
      s0 = x.fma(FloatVector.fromArray(F, b, from), s0);
      s1 = x.fma(FloatVector.fromArray(F, b, from + stride), s1);
      s2 = x.fma(FloatVector.fromArray(F, b, from + 2 * stride), s2);
      s3 = x.fma(FloatVector.fromArray(F, b, from + 3 * stride), s3);
    }
    s0.intoArray(out, lanes);
    s1.intoArray(out, lanes + Lanes.COUNT);
    s2.intoArray(out, lanes + 2 * Lanes.COUNT);
    s3.intoArray(out, lanes + 3 * Lanes.COUNT);
    for (int r = 0; r < ROWS; r++) {
      float total = Lanes.sum(out, lanes + r * Lanes.COUNT);
      for (int i = bound; i < count; i++) {
        total += a[ai + i] * b[bi + r * stride + i];
      }
      out[to + r] = total;
    }
  }

  static float dot(float[] a, int ai, float[] b, int bi, int count) {
    FloatVector sum = FloatVector.zero(F);
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      sum = FloatVector.fromArray(F, a, ai + i).fma(FloatVector.fromArray(F, b, bi + i), sum);
    }
    float total = Lanes.sum(sum);
    for (int i = bound; i < count; i++) {
      total += a[ai + i] * b[bi + i];
    }
    return total;
  }

  /** {@code out = Σ_j weights[j] · values[j]} of each of a run's queries, in the order of j. */
  private static void weightedSums(
      float[] weights, HeadRun run, CpuTensor values, int see, float[] out, int at) {
    int size = run.heads().size();
    int group = run.group();
    Arrays.fill(out, at, at + run.queries() * size, 0f);
    for (int j = 0; j < see; j += ROWS) {
      int rows = Math.min(ROWS, see - j);
      for (int h = 0; h < run.queries(); h++) {
        int value = values.row(j) + run.column() + h / group * size;
        int to = at + h * size;
        addRows(weights, h * see + j, rows, values.data(), value, values.columns(), out, to, size);
      }
    }
  }

  /** {@code out += Σ_r weights[r] · v_r} for up to {@link #ROWS} rows. */
  private static void addRows(
      float[] weights,
      int wi,
      int rows,
      float[] v,
      int vi,
      int stride,
      float[] out,
      int at,
      int size) {
    int bound = rows == ROWS ? F.loopBound(size) : 0;
    if (bound > 0) {
      FloatVector w0 = FloatVector.broadcast(F, weights[wi]);
      FloatVector w1 = FloatVector.broadcast(F, weights[wi + 1]);
      FloatVector w2 = FloatVector.broadcast(F, weights[wi + 2]);
      FloatVector w3 = FloatVector.broadcast(F, weights[wi + 3]);
      for (int c = 0; c < bound; c += Lanes.COUNT) {
        int from = vi + c;
        FloatVector sum = FloatVector.fromArray(F, out, at + c);
        sum = FloatVector.fromArray(F, v, from).fma(w0, sum);
        sum = FloatVector.fromArray(F, v, from + stride).fma(w1, sum);
        sum = FloatVector.fromArray(F, v, from + 2 * stride).fma(w2, sum);
        FloatVector.fromArray(F, v, from + 3 * stride).fma(w3, sum).intoArray(out, at + c);
      }
    }
    for (int c = bound; c < size; c += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(c, size);
      FloatVector sum = FloatVector.fromArray(F, out, at + c, in);
      for (int r = 0; r < rows; r++) {
        FloatVector weight = FloatVector.broadcast(F, weights[wi + r]);
        sum = FloatVector.fromArray(F, v, vi + r * stride + c, in).fma(weight, sum);
      }
      sum.intoArray(out, at + c, in);
    }
  }
}
