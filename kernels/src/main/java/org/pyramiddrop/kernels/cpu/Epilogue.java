package org.pyramiddrop.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;

/** What happens to a product's sums while they are still in the cache. */
final class Epilogue {
  private Epilogue() {}

  /** Adds a bias to {@code x[at .. at+count)} and applies the activation, in place. */
  static void apply(
      Activation activation, float @Nullable [] bias, int biasAt, float[] x, int at, int count) {
    if (bias == null && (activation == Activation.NONE || activation == Activation.ADD)) {
      return;
    }
    int lanes = Lanes.COUNT;
    for (int i = 0; i < count; i += lanes) {
      VectorMask<Float> in = Lanes.FLOATS.indexInRange(i, count);
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, at + i, in);
      if (bias != null) {
        v = v.add(FloatVector.fromArray(Lanes.FLOATS, bias, biasAt + i, in));
      }
      v =
          switch (activation) {
            case NONE, ADD -> v;
            case GELU -> Lanes.gelu(v);
            case QUICK_GELU -> Lanes.sigmoidWeighted(v, 1.702f);
          };
      v.intoArray(x, at + i, in);
    }
  }

  /** {@code out = silu(gate) ∘ up} over {@code count} numbers. */
  static void gate(float[] gates, int gate, float[] ups, int up, float[] out, int at, int count) {
    int lanes = Lanes.COUNT;
    for (int i = 0; i < count; i += lanes) {
      VectorMask<Float> in = Lanes.FLOATS.indexInRange(i, count);
      FloatVector g = FloatVector.fromArray(Lanes.FLOATS, gates, gate + i, in);
      FloatVector u = FloatVector.fromArray(Lanes.FLOATS, ups, up + i, in);
      Lanes.sigmoidWeighted(g, 1f).mul(u).intoArray(out, at + i, in);
    }
  }
}
