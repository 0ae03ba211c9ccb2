package org.pyramiddrop.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
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
