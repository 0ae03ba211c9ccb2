package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Proves each reference gradient by central differences of the operation itself, written once more
 * in double.
 */
@ExtendWith(SeedInMessage.class)
class GradientReferenceTest {
  private static final double STEP = 1e-4;

  private final RandomData random;

  GradientReferenceTest(TestInfo test) {
    random = new RandomData(test.getTestClass().orElseThrow().getName(), DType.FLOAT32);
  }

  /** An operation on several matrices, row-major. */
  @FunctionalInterface
  private interface Operation {
    double[] of(double[]... inputs);
  }

  /** Holds a gradient to the differences of {@code Σ dy ∘ operation} by one of its inputs. */
  private static void holds(
      String what, Expected gradient, int input, Operation operation, float[] dy, float[]... at) {
    double[][] inputs =
        Arrays.stream(at).map(GradientReferenceTest::widened).toArray(double[][]::new);
    double largest = 0;
    for (int i = 0; i < at[input].length; i++) {
      largest = Math.max(largest, Math.abs(gradient.value(i)));
    }
    for (int i = 0; i < at[input].length; i++) {
      double middle = inputs[input][i];
      inputs[input][i] = middle + STEP;
      double above = weighted(dy, operation.of(inputs));
      inputs[input][i] = middle - STEP;
      double below = weighted(dy, operation.of(inputs));
      inputs[input][i] = middle;
      double slope = (above - below) / (2 * STEP);
      // A comparison that NaN fails.
      assertThat(Math.abs(slope - gradient.value(i)) <= 1e-5 * largest + 1e-9)
          .as("%s: element %d is %s, not %s", what, i, gradient.value(i), slope)
          .isTrue();
    }
  }

  private static double[] widened(float[] x) {
    double[] wide = new double[x.length];
    Arrays.setAll(wide, i -> x[i]);
    return wide;
  }

  private static double weighted(float[] dy, double[] y) {
    assertThat(y).hasSameSizeAs(dy);
    double sum = 0;
    for (int i = 0; i < y.length; i++) {
      sum += dy[i] * y[i];
    }
    return sum;
  }

  @Test
  void ofLinearLayers() {
    int inputs = 7;
    int outputs = 5;
    float[] x = random.normal(3 * inputs, 1);
    float[] w = random.normal(outputs * inputs, 1);
    float[] bias = random.normal(outputs, 1);
    float[] dy = random.normal(3 * outputs, 1);
    Operation linear =
        in -> {
          double[] y = new double[3 * outputs];
          for (int i = 0; i < y.length; i++) {
            y[i] = in[2][i % outputs];
            for (int c = 0; c < inputs; c++) {
              y[i] += in[0][i / outputs * inputs + c] * in[1][i % outputs * inputs + c];
            }
          }
          return y;
        };
    Expected dx = GradientReference.linearInput(dy, w, inputs, new float[x.length]);
    holds("input", dx, 0, linear, dy, x, w, bias);
    Expected dw = GradientReference.linearWeight(x, dy, inputs, outputs, new float[w.length]);
    holds("weight", dw, 1, linear, dy, x, w, bias);
    Expected dBias = GradientReference.linearBias(dy, new float[outputs]);
    holds("bias", dBias, 2, linear, dy, x, w, bias);
  }

  @Test
  void ofRowsOfATable() {
    int[] ids = {2, 0, 2, 2};
    float[] table = random.normal(3 * 5, 1);
    float[] dy = random.normal(4 * 5, 1);
    Operation embed =
        in -> {
          double[] y = new double[dy.length];
          Arrays.setAll(y, i -> in[0][ids[i / 5] * 5 + i % 5]);
          return y;
        };
    holds("table", GradientReference.addRows(dy, ids, new float[15], 5), 0, embed, dy, table);
  }

  @Test
  void ofActivations() {
    float[] x = random.normal(30, 2);
    float[] up = random.normal(30, 1);
    float[] dy = random.normal(30, 1);
    Operation gated =
        in -> {
          double[] y = new double[30];
          Arrays.setAll(y, i -> in[0][i] / (1 + Math.exp(-in[0][i])) * in[1][i]);
          return y;
        };
    holds("gate", GradientReference.siluTimesGate(x, up, dy, 5), 0, gated, dy, x, up);
    holds("up", GradientReference.siluTimesUp(x, dy, 5), 1, gated, dy, x, up);
    for (Activation activation : List.of(Activation.GELU, Activation.QUICK_GELU)) {
      Operation activate =
          in -> {
            double[] y = new double[30];
            Arrays.setAll(y, i -> GradientReference.activated(in[0][i], activation));
            return y;
          };
      Expected dx = GradientReference.activateGradient(x, activation, dy, 5);
      holds(activation.name(), dx, 0, activate, dy, x);
    }
  }

  @Test
  void ofNorms() {
    int columns = 9;
    float epsilon = 0.05f;
    float[] x = random.normal(4 * columns, 1);
    float[] w = random.normal(columns, 1);
    float[] bias = random.normal(columns, 1);
    float[] dy = random.normal(x.length, 1);
    GradientReference.Before zeros =
        new GradientReference.Before(new float[x.length], new float[columns], new float[columns]);
    for (boolean centred : new boolean[] {false, true}) {
      Operation norm = in -> normed(centred, in[0], in[1], in[2], epsilon);
      GradientReference.Norm expected =
          centred
              ? GradientReference.layerNorm(x, w, epsilon, dy, zeros)
              : GradientReference.rmsNorm(x, w, epsilon, dy, zeros);
      holds("input", expected.dx(), 0, norm, dy, x, w, bias);
      holds("weight", expected.dw(), 1, norm, dy, x, w, bias);
      holds("bias", expected.dBias(), 2, norm, dy, x, w, bias);
    }
  }

  private static double[] normed(
      boolean centred, double[] x, double[] w, double[] bias, double epsilon) {
    int columns = w.length;
    double[] y = new double[x.length];
    for (int row = 0; row < x.length; row += columns) {
      double[] one = Arrays.copyOfRange(x, row, row + columns);
      double mean = centred ? Arrays.stream(one).sum() / columns : 0;
      double squares = Arrays.stream(one).map(v -> (v - mean) * (v - mean)).sum();
      for (int c = 0; c < columns; c++) {
        y[row + c] = (one[c] - mean) / Math.sqrt(squares / columns + epsilon) * w[c] + bias[c];
      }
    }
    return y;
  }

  @Test
  void ofRotations() {
    int[] positions = {0, 3, 77};
    float[] x = random.normal(3 * 20, 1);
    float[] dy = random.normal(3 * 20, 1);
    Operation rotate =
        in -> {
          double[] y = in[0].clone();
          for (int row = 0; row < 3; row++) {
            for (int low : new int[] {0, 1, 2, 6, 7, 8}) {
              float frequency = 1 / (float) Math.pow(10_000, 2f * (low % 6) / 6);
              double angle = positions[row] * frequency;
              int a = row * 20 + low;
              y[a] = in[0][a] * Math.cos(angle) - in[0][a + 3] * Math.sin(angle);
              y[a + 3] = in[0][a + 3] * Math.cos(angle) + in[0][a] * Math.sin(angle);
            }
          }
          return y;
        };
    int[] negative = Arrays.stream(positions).map(p -> -p).toArray();
    holds("rotated", Reference.rotate(dy, 20, 2, 6, 10_000, negative), 0, rotate, dy, x);
  }

  @Test
  void ofAttention() {
    Heads heads = new Heads(4, 2, 6);
    int[] visible = {2, 5, 1, 4};
    float[] q = random.normal(4 * 24, 1);
    float[] keys = random.normal(6 * 12, 1);
    float[] values = random.normal(6 * 12, 1);
    float[] dy = random.normal(4 * 24, 1);
    Operation attention = in -> attended(heads, visible, in[0], in[1], in[2]);
    GradientReference.Attention expected =
        GradientReference.attention(q, heads, keys, values, visible, dy);
    holds("queries", expected.dq(), 0, attention, dy, q, keys, values);
    holds("keys", expected.dKeys(), 1, attention, dy, q, keys, values);
    holds("values", expected.dValues(), 2, attention, dy, q, keys, values);
  }

  private static double[] attended(
      Heads heads, int[] visible, double[] q, double[] keys, double[] values) {
    int size = heads.size();
    double[] y = new double[q.length];
    for (int at = 0; at < q.length; at += size) {
      int see = visible[at / heads.queryColumns()];
      int head = at / size % heads.query() / (heads.query() / heads.keyValue());
      double[] p = new double[see];
      double total = 0;
      for (int j = 0; j < see; j++) {
        int k = j * heads.keyValueColumns() + head * size;
        for (int c = 0; c < size; c++) {
          p[j] += q[at + c] * keys[k + c];
        }
        p[j] = Math.exp(p[j] / Math.sqrt(size));
        total += p[j];
      }
      for (int j = 0; j < see; j++) {
        int k = j * heads.keyValueColumns() + head * size;
        for (int c = 0; c < size; c++) {
          y[at + c] += p[j] / total * values[k + c];
        }
      }
    }
    return y;
  }

  @Test
  void ofCrossEntropy() {
    int[] labels = {3, GradientKernels.IGNORED, 0, 6};
    float[] logits = random.normal(4 * 7, 2);
    Operation losses =
        in -> {
          double[] y = new double[4];
          for (int row = 0; row < 4; row++) {
            double[] one = Arrays.copyOfRange(in[0], row * 7, row * 7 + 7);
            double total = Arrays.stream(one).map(Math::exp).sum();
            y[row] = labels[row] < 0 ? 0 : Math.log(total) - one[labels[row]];
          }
          return y;
        };
    GradientReference.CrossEntropy expected = GradientReference.crossEntropy(logits, labels, 0.7f);
    float[] scales = {0.7f, 0.7f, 0.7f, 0.7f};
    holds("logits", expected.dLogits(), 0, losses, scales, logits);
    double[] values = losses.of(widened(logits));
    for (int row = 0; row < 4; row++) {
      assertThat(expected.losses().value(row)).isCloseTo(values[row], within(1e-12));
    }
  }
}
