package org.pyramiddrop.kernels.cpu;

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
 */
final class QueryAttention {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;

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
    int group = heads.query() / heads.keyValue();
    workers.run(
        q.rows() * heads.query(),
        (task, worker) -> {
          int row = task / heads.query();
          int head = task % heads.query();
          int see = visible.count(row);
          float[] own = scratch.ofWorker(worker, keys.rows());
          int column = head / group * heads.size();
          probabilities(
              q, q.row(row) + head * heads.size(), heads.size(), keys, column, see, own, 0);
          weightedSum(
              own,
              see,
              values,
              column,
              out.data(),
              out.row(row) + head * heads.size(),
              heads.size());
        });
  }

  /**
   * A decode step's: rotates, stores and attends for each row and each group of heads that share a
   * key. All sequences' are one job, since a short sequence has less to do than a hand-over takes.
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
    int parts = rows.length * heads.keyValue();
    workers.byPart(
        parts,
        2 * seen * heads.queryColumns() / Math.max(1, parts),
        (part, worker) -> {
          int i = part / heads.keyValue();
          CachedSequence own = sequences.get(i);
          decode(
              qkv,
              qkv.row(i),
              heads,
              part % heads.keyValue(),
              rotary,
              positions[i],
              rows[i],
              (CpuTensor) own.keys(),
              (CpuTensor) own.values(),
              worker,
              out,
              out.row(i));
        });
  }

  /** A token's queries of one key/value head. */
  private void decode(
      CpuTensor qkv,
      int at,
      Heads heads,
      int head,
      CpuRotary rotary,
      int position,
      int row,
      CpuTensor keys,
      CpuTensor values,
      int worker,
      CpuTensor out,
      int to) {
    int size = heads.size();
    int group = heads.query() / heads.keyValue();
    int column = head * size;
    float[] x = qkv.data();
    CpuKernels.rotateRow(x, at + group * column, group, rotary, position, 1);
    int key = at + heads.queryColumns() + column;
    System.arraycopy(x, key, keys.data(), keys.row(row) + column, size);
    CpuKernels.rotateRow(keys.data(), keys.row(row) + column, 1, rotary, position, 1);
    int value = key + heads.keyValueColumns();
    System.arraycopy(x, value, values.data(), values.row(row) + column, size);
    int see = row + 1;
    float[] own = scratch.ofWorker(worker, see);
    for (int h = group * head; h < group * (head + 1); h++) {
      probabilities(qkv, at + h * size, size, keys, column, see, own, 0);
      weightedSum(own, see, values, column, out.data(), to + h * size, size);
    }
  }

  /** {@code out[j] = mean over heads and queries of softmax(q · k_j / √size)}. */
  void score(CpuTensor queries, Heads heads, CpuTensor keys, CpuTensor out) {
    int group = heads.query() / heads.keyValue();
    int count = keys.rows();
    float[] all = scratch.left(heads.query() * count);
    workers.run(
        heads.query(),
        (head, worker) -> {
          int column = head / group * heads.size();
          int first = head * heads.size();
          probabilities(
              queries,
              queries.row(0) + first,
              heads.size(),
              keys,
              column,
              count,
              all,
              head * count);
          float[] own = scratch.ofWorker(worker, count);
          for (int row = 1; row < queries.rows(); row++) {
            probabilities(
                queries, queries.row(row) + first, heads.size(), keys, column, count, own, 0);
            for (int j = 0; j < count; j++) {
              all[head * count + j] += own[j];
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

  private static void probabilities(
      CpuTensor q, int qi, int size, CpuTensor keys, int column, int see, float[] out, int at) {
    float scale = (float) (1 / Math.sqrt(size));
    for (int j = 0; j < see; j++) {
      out[at + j] = dot(q.data(), qi, keys.data(), keys.row(j) + column, size) * scale;
    }
    float total = Exponential.of(out, at, 1, -Attention.maximum(out, at, see), out, at, see);
    for (int j = 0; j < see; j++) {
      out[at + j] /= total;
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

  /**
   * {@code out = Σ_j weights[j] · values[j]}; a row is read in runs, as long as registers allow.
   */
  private static void weightedSum(
      float[] weights, int count, CpuTensor values, int column, float[] out, int at, int size) {
    float[] v = values.data();
    int stride = values.columns();
    int first = values.offset() + column;
    int bound = size - size % (4 * Lanes.COUNT);
    for (int c = 0; c < bound; c += 4 * Lanes.COUNT) {
      FloatVector s0 = FloatVector.zero(F);
      FloatVector s1 = s0;
      FloatVector s2 = s0;
      FloatVector s3 = s0;
      for (int j = 0; j < count; j++) {
        int from = first + j * stride + c;
        FloatVector weight = FloatVector.broadcast(F, weights[j]);
        s0 = FloatVector.fromArray(F, v, from).fma(weight, s0);
        s1 = FloatVector.fromArray(F, v, from + Lanes.COUNT).fma(weight, s1);
        s2 = FloatVector.fromArray(F, v, from + 2 * Lanes.COUNT).fma(weight, s2);
        s3 = FloatVector.fromArray(F, v, from + 3 * Lanes.COUNT).fma(weight, s3);
      }
      s0.intoArray(out, at + c);
      s1.intoArray(out, at + c + Lanes.COUNT);
      s2.intoArray(out, at + c + 2 * Lanes.COUNT);
      s3.intoArray(out, at + c + 3 * Lanes.COUNT);
    }
    for (int c = bound; c < size; c += Lanes.COUNT) {
      VectorMask<Float> in = F.indexInRange(c, size);
      FloatVector sum = FloatVector.zero(F);
      for (int j = 0; j < count; j++) {
        FloatVector weight = FloatVector.broadcast(F, weights[j]);
        sum = FloatVector.fromArray(F, v, first + j * stride + c, in).fma(weight, sum);
      }
      sum.intoArray(out, at + c, in);
    }
  }
}
