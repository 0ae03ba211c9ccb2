package org.pyramiddrop.kernels;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The gradients of {@link Kernels#rmsNorm} and {@link Kernels#layerNorm}. */
interface NormGradientContract extends ContractPart {
  /** One norm's data. */
  final class Case {
    final int columns;
    final DType dtype;
    final float[] x;
    final float[] w;
    final float epsilon;
    final float[] dy;
    final GradientReference.Before before;

    private Case(RandomData random, int rows, int columns, double deviation, double mean) {
      this.columns = columns;
      dtype = random.oneOf(DType.single());
      x = random.normal(rows * columns, deviation);
      for (int i = 0; i < x.length; i++) {
        x[i] = random.round(x[i] + mean);
      }
      w = random.weights(dtype, columns, 1);
      epsilon = (float) random.oneOf(1e-5, 1e-6, 0.1);
      dy = random.normal(x.length, 1);
      before =
          new GradientReference.Before(
              random.normal(x.length, 1), random.normal(columns, 1), random.normal(columns, 1));
    }

    @Override
    public String toString() {
      return "%d × %d, %s".formatted(x.length / columns, columns, dtype);
    }
  }

  private Case draw(int columns, double deviation, double mean) {
    int rows = random().oneOf(1, 2, 3, 5, 61, 127);
    return new Case(random(), rows, columns, deviation, mean);
  }

  @Test
  default void givesTheGradientsOfARootMeanSquareNorm() {
    for (int columns : NormContract.COLUMNS) {
      for (double deviation : new double[] {1e-3, 1, 300}) {
        Case one = draw(columns, deviation, 0);
        ofRms(one, true);
        ofRms(one, false);
      }
    }
  }

  private void ofRms(Case one, boolean weighed) {
    GradientReference.Norm expected =
        GradientReference.rmsNorm(one.x, one.w, one.epsilon, one.dy, one.before);
    Output dx = device().output(one.before.dx, one.columns);
    @Nullable Output dw = weighed ? vector(one.before.dw) : null;
    gradients()
        .rmsNormGradient(
            device().input(one.x, one.columns),
            device().weight(one.dtype, one.w, 1),
            one.epsilon,
            device().input(one.dy, one.columns),
            dx.view(),
            dw == null ? null : dw.view());
    device().check("rmsNorm's input, " + one, dx, expected.dx());
    if (dw != null) {
      device().check("rmsNorm's weight, " + one, dw, expected.dw());
    }
    device().endCase();
  }

  private Output vector(float[] before) {
    return device().output(DType.FLOAT32, before, 1);
  }

  @Test
  default void givesTheGradientsOfALayerNorm() {
    for (int columns : NormContract.COLUMNS) {
      for (double mean : new double[] {0, 1, -1000}) {
        Case one = draw(columns, random().oneOf(0.01, 1, 30), mean);
        ofLayer(one, true, true);
        ofLayer(one, random().flip(), false);
        ofLayer(one, false, true);
      }
    }
  }

  private void ofLayer(Case one, boolean weighed, boolean biased) {
    GradientReference.Norm expected =
        GradientReference.layerNorm(one.x, one.w, one.epsilon, one.dy, one.before);
    Output dx = device().output(one.before.dx, one.columns);
    @Nullable Output dw = weighed ? vector(one.before.dw) : null;
    @Nullable Output dBias = biased ? vector(one.before.dBias) : null;
    gradients()
        .layerNormGradient(
            device().input(one.x, one.columns),
            device().weight(one.dtype, one.w, 1),
            one.epsilon,
            device().input(one.dy, one.columns),
            dx.view(),
            dw == null ? null : dw.view(),
            dBias == null ? null : dBias.view());
    device().check("layerNorm's input, " + one, dx, expected.dx());
    if (dw != null) {
      device().check("layerNorm's weight, " + one, dw, expected.dw());
    }
    if (dBias != null) {
      device().check("layerNorm's bias, " + one, dBias, expected.dBias());
    }
    device().endCase();
  }

  @Test
  default void addsNoGradientOfANormOfNoRows() {
    Tensor none = device().input(new float[10], 5).rows(1, 0);
    Weight w = device().weight(DType.BFLOAT16, new float[5], 1);
    float[] before = random().normal(5, 1);
    Output dw = vector(before);
    Output dx = device().output(2, 5);
    gradients().rmsNormGradient(none, w, 1e-5f, none, dx.view().rows(1, 0), dw.view());
    gradients().layerNormGradient(none, w, 1e-5f, none, dx.view().rows(1, 0), dw.view(), dw.view());
    dx.untouched("a norm of no rows");
    device().check("a weight of a norm of no rows", dw, Expected.exactly(before, 1));
  }
}
