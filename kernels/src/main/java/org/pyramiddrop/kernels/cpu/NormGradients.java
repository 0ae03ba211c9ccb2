package org.pyramiddrop.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import org.jspecify.annotations.Nullable;

/**
 * The gradients of norms: with {@code n = (x - mean) · scale} and {@code g = dy ∘ w}, {@code dx +=
 * scale · (g - mean(g) - n · mean(g ∘ n))}, {@code dw += Σ dy ∘ n} and {@code dBias += Σ dy}. A
 * norm by the root mean square takes no means away.
 */
final class NormGradients {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;

  private NormGradients() {}

  static void run(
      boolean centred,
      CpuTensor x,
      CpuWeight w,
      float epsilon,
      CpuTensor dy,
      CpuTensor dx,
      @Nullable CpuTensor dw,
      @Nullable CpuTensor dBias,
      Workers workers) {
    int columns = x.columns();
    boolean weighed = dw != null;
    boolean biased = dBias != null;
    int biasAt = weighed ? columns : 0;
    float[] sums =
        RowSums.of(
            x.rows(),
            biasAt + (biased ? columns : 0),
            workers,
            (first, count, ofChunk) -> {
              for (int r = first; r < first + count; r++) {
                float mean = centred ? Norms.mean(x.data(), x.row(r), columns) : 0;
                float scale = Norms.scale(x.data(), x.row(r), columns, mean, epsilon);
                input(centred, x, w, dy, dx, r, mean, scale);
                if (weighed) {
                  weight(x, dy, r, mean, scale, ofChunk);
                }
                if (biased) {
                  Elements.addScaled(dy.data(), dy.row(r), 1, ofChunk, biasAt, columns);
                }
              }
            });
    RowSums.addTo(dw, sums, 0, columns);
    RowSums.addTo(dBias, sums, biasAt, columns);
  }

  private static void input(
      boolean centred,
      CpuTensor x,
      CpuWeight w,
      CpuTensor dy,
      CpuTensor dx,
      int r,
      float mean,
      float scale) {
    int count = x.columns();
    float[] in = x.data();
    int at = x.row(r);
    float[] d = dy.data();
    int di = dy.row(r);
    float[] v = w.vector();
    int vi = w.vectorOffset();
    float[] out = dx.data();
    int to = dx.row(r);
    FloatVector alongs = FloatVector.zero(F);
    FloatVector gs = alongs;
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector g = FloatVector.fromArray(F, d, di + i).mul(FloatVector.fromArray(F, v, vi + i));
      alongs = g.fma(FloatVector.fromArray(F, in, at + i).sub(mean), alongs);
      gs = gs.add(g);
    }
    double along = Lanes.sum(alongs);
    double g = Lanes.sum(gs);
    for (int i = bound; i < count; i++) {
      along += (double) d[di + i] * v[vi + i] * (in[at + i] - mean);
      g += (double) d[di + i] * v[vi + i];
    }
    float less = centred ? (float) (g / count) : 0;
    float slope = (float) (-along / count * scale * scale * scale);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector own =
          FloatVector.fromArray(F, d, di + i).mul(FloatVector.fromArray(F, v, vi + i));
      FloatVector sum =
          own.sub(less).fma(Lanes.splat(scale), FloatVector.fromArray(F, out, to + i));
      FloatVector.fromArray(F, in, at + i)
          .sub(mean)
          .fma(Lanes.splat(slope), sum)
          .intoArray(out, to + i);
    }
    for (int i = bound; i < count; i++) {
      out[to + i] += (d[di + i] * v[vi + i] - less) * scale + (in[at + i] - mean) * slope;
    }
  }

  private static void weight(
      CpuTensor x, CpuTensor dy, int r, float mean, float scale, float[] sums) {
    int count = x.columns();
    float[] in = x.data();
    int at = x.row(r);
    float[] d = dy.data();
    int di = dy.row(r);
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector normed = FloatVector.fromArray(F, in, at + i).sub(mean).mul(scale);
      FloatVector.fromArray(F, d, di + i)
          .fma(normed, FloatVector.fromArray(F, sums, i))
          .intoArray(sums, i);
    }
    for (int i = bound; i < count; i++) {
      sums[i] += d[di + i] * ((in[at + i] - mean) * scale);
    }
  }
}
