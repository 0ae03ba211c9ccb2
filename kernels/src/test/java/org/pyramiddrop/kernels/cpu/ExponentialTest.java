package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Reference;

class ExponentialTest {
  private static final boolean EMULATED =
      Lanes.FLOATS.vectorBitSize() > FloatVector.SPECIES_PREFERRED.vectorBitSize();

  @Test
  void exponentiatesWithinTwoUnitsInTheLastPlace() {
    compare(evenly(-87, 88), ExponentialTest::exp, Math::exp, y -> 2 * Math.ulp((float) y));
  }

  @Test
  void exponentiatesFloatsOfEveryMagnitude() {
    compare(
        everywhere(),
        ExponentialTest::exp,
        x -> x < -87 ? 0 : Math.exp(Math.min(x, 88)),
        y -> 2 * Math.ulp((float) y));
  }

  @Test
  void exponentiatesTheEdges() {
    float[] x = new float[16];
    float[] edges = {0, -0f, -87, 88, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY, Float.NaN};
    System.arraycopy(edges, 0, x, 0, edges.length);
    float[] y = exp(x);
    assertThat(y[0]).isEqualTo(1);
    assertThat(y[1]).isEqualTo(1);
    assertThat(y[2]).isPositive();
    assertThat(y[3]).isFinite();
    assertThat(y[4]).isZero();
    assertThat(y[5]).isEqualTo(y[3]);
    assertThat(y[6]).isNaN();
  }

  @Test
  void scalesShiftsAndSumsWhatIsInTheRunAlone() {
    float[] x = {Float.NaN, 0.5f, -1, 2, Float.NaN};
    float[] y = {7, 7, 7, 7, 7};
    float sum = Exponential.of(x, 1, -2, 0.25f, y, 1, 3);

    double[] expected = {Math.exp(-0.75), Math.exp(2.25), Math.exp(-3.75)};
    for (int i = 0; i < 3; i++) {
      assertThat(y[1 + i]).isCloseTo((float) expected[i], within(2 * Math.ulp(y[1 + i])));
    }
    assertThat(sum).isCloseTo(y[1] + y[2] + y[3], within(1e-6f * sum));
    assertThat(y[0]).isEqualTo(7);
    assertThat(y[4]).isEqualTo(7);
  }

  @Test
  void appliesGeluWithinItsBound() {
    compare(evenly(-12, 12), ExponentialTest::gelu, x -> x * Reference.normal(x), y -> 4e-7);
  }

  /** Floats at even distances, the ends among them. */
  private static float[] evenly(float from, float to) {
    float[] x = new float[EMULATED ? 1 << 13 : 1 << 20];
    for (int i = 0; i < x.length; i++) {
      x[i] = from + (to - from) * i / (x.length - 1);
    }
    return x;
  }

  /** Floats at even distances of their bits: every exponent, both signs, infinities and NaN. */
  private static float[] everywhere() {
    float[] x = new float[EMULATED ? 1 << 13 : 1 << 20];
    // An odd number of bits apart, so that all low bits are met.
    int step = (int) ((1L << 32) / x.length) | 1;
    for (int i = 0; i < x.length; i++) {
      x[i] = Float.intBitsToFloat(i * step);
    }
    return x;
  }

  private static float[] exp(float[] x) {
    float[] y = new float[x.length];
    Exponential.of(x, 0, 1, 0, y, 0, x.length);
    return y;
  }

  private static float[] gelu(float[] x) {
    float[] y = x.clone();
    Epilogue.apply(Activation.GELU, null, 0, y, 0, y.length);
    return y;
  }

  private static void compare(
      float[] x,
      UnaryOperator<float[]> function,
      DoubleUnaryOperator reference,
      DoubleUnaryOperator tolerance) {
    float[] y = function.apply(x);
    for (int i = 0; i < x.length; i++) {
      double expected = reference.applyAsDouble(x[i]);
      boolean bothNaN = Double.isNaN(expected) && Float.isNaN(y[i]);
      if (!bothNaN && !(Math.abs(y[i] - expected) <= tolerance.applyAsDouble(expected))) {
        throw new AssertionError("at %s: %s, not %s".formatted(x[i], y[i], expected));
      }
    }
  }
}
