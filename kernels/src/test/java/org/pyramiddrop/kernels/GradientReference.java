package org.pyramiddrop.kernels;

/**
 * Each operation of {@link GradientKernels} written plainly, in double. {@code before} is what an
 * output held that is added to.
 */
final class GradientReference {
  private GradientReference() {}

  // Sums ------------------------------------------------------------------------------------------

  /** {@code before + factor · x}. */
  static Expected addScaled(float[] x, float factor, float[] before, int columns) {
    Expected expected = new Expected(x.length / columns, columns);
    for (int i = 0; i < x.length; i++) {
      add(expected, i, before[i], (double) factor * x[i], Math.abs((double) factor * x[i]));
    }
    return expected;
  }

  /** Rows of {@code x} added to the rows that are named, which may be named again. */
  static Expected addRows(float[] x, int[] rows, float[] before, int columns) {
    double[] sums = new double[before.length];
    double[] scales = new double[before.length];
    for (int i = 0; i < x.length; i++) {
      int to = rows[i / columns] * columns + i % columns;
      sums[to] += x[i];
      scales[to] += Math.abs(x[i]);
    }
    return added(before, sums, scales, columns);
  }

  private static Expected added(float[] before, double[] sums, double[] scales, int columns) {
    Expected expected = new Expected(before.length / columns, columns);
    for (int i = 0; i < before.length; i++) {
      add(expected, i, before[i], sums[i], scales[i]);
    }
    return expected;
  }

  private static void add(Expected expected, int i, float before, double sum, double scale) {
    expected.set(i, before + sum, Math.abs(before) + scale);
  }

  // Linear layers ---------------------------------------------------------------------------------

  /** {@code before + dy · w}. */
  static Expected linearInput(float[] dy, float[] w, int inputs, float[] before) {
    int outputs = w.length / inputs;
    int rows = dy.length / outputs;
    double[] sums = new double[rows * inputs];
    double[] scales = new double[rows * inputs];
    for (int r = 0; r < rows; r++) {
      for (int o = 0; o < outputs; o++) {
        for (int c = 0; c < inputs; c++) {
          double term = (double) dy[r * outputs + o] * w[o * inputs + c];
          sums[r * inputs + c] += term;
          scales[r * inputs + c] += Math.abs(term);
        }
      }
    }
    return added(before, sums, scales, inputs);
  }

  /** {@code before + dyᵀ · x}. */
  static Expected linearWeight(float[] x, float[] dy, int inputs, int outputs, float[] before) {
    double[] sums = new double[outputs * inputs];
    double[] scales = new double[outputs * inputs];
    for (int r = 0; r < x.length / inputs; r++) {
      for (int o = 0; o < outputs; o++) {
        for (int c = 0; c < inputs; c++) {
          double term = (double) dy[r * outputs + o] * x[r * inputs + c];
          sums[o * inputs + c] += term;
          scales[o * inputs + c] += Math.abs(term);
        }
      }
    }
    return added(before, sums, scales, inputs);
  }

  /** {@code before} + the sums of columns. */
  static Expected linearBias(float[] dy, float[] before) {
    int outputs = before.length;
    double[] sums = new double[outputs];
    double[] scales = new double[outputs];
    for (int i = 0; i < dy.length; i++) {
      sums[i % outputs] += dy[i];
      scales[i % outputs] += Math.abs(dy[i]);
    }
    return added(before, sums, scales, 1);
  }

  // Activations -----------------------------------------------------------------------------------

  /** {@code silu(gate) ∘ up}. */
  static Expected siluTimes(float[] gate, float[] up, int columns) {
    Expected expected = new Expected(gate.length / columns, columns);
    for (int i = 0; i < gate.length; i++) {
      double value = gate[i] * sigmoid(gate[i]) * up[i];
      expected.set(i, value, Math.abs(value));
    }
    return expected;
  }

  /** {@link #siluTimes} by its gate. */
  static Expected siluTimesGate(float[] gate, float[] up, float[] dy, int columns) {
    Expected expected = new Expected(gate.length / columns, columns);
    for (int i = 0; i < gate.length; i++) {
      double outer = (double) dy[i] * up[i];
      expected.set(i, outer * sigmoidWeightedSlope(gate[i], 1), Math.abs(outer));
    }
    return expected;
  }

  /** {@link #siluTimes} by what it multiplies with. */
  static Expected siluTimesUp(float[] gate, float[] dy, int columns) {
    return siluTimes(gate, dy, columns);
  }

  /** {@code activation(x)}. */
  static Expected activate(float[] x, Activation activation, int columns) {
    Expected expected = new Expected(x.length / columns, columns);
    for (int i = 0; i < x.length; i++) {
      expected.set(i, activated(x[i], activation), Math.abs(x[i]));
    }
    return expected;
  }

  static double activated(double x, Activation activation) {
    return activation == Activation.GELU ? x * Reference.normal(x) : x * sigmoid(1.702 * x);
  }

  /** {@code dy ∘ activation'(x)}. */
  static Expected activateGradient(float[] x, Activation activation, float[] dy, int columns) {
    Expected expected = new Expected(x.length / columns, columns);
    for (int i = 0; i < x.length; i++) {
      double v = x[i];
      double slope =
          activation == Activation.GELU
              ? Reference.normal(v) + v * Math.exp(-v * v / 2) / Math.sqrt(2 * Math.PI)
              : sigmoidWeightedSlope(v, 1.702);
      expected.set(i, dy[i] * slope, Math.abs(dy[i]));
    }
    return expected;
  }

  static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  /** The derivative of x·σ(slope·x). */
  private static double sigmoidWeightedSlope(double x, double slope) {
    return sigmoid(slope * x) * (1 + slope * x * sigmoid(-slope * x));
  }

  // Norms -----------------------------------------------------------------------------------------

  /** What a norm's backward gives: of its input, its weight, and its bias. */
  record Norm(Expected dx, Expected dw, Expected dBias) {}

  /** What the outputs of a norm's backward held. */
  static final class Before {
    final float[] dx;
    final float[] dw;
    final float[] dBias;

    Before(float[] dx, float[] dw, float[] dBias) {
      this.dx = dx;
      this.dw = dw;
      this.dBias = dBias;
    }
  }

  static Norm rmsNorm(float[] x, float[] w, float epsilon, float[] dy, Before before) {
    return norm(false, x, w, epsilon, dy, before);
  }

  static Norm layerNorm(float[] x, float[] w, float epsilon, float[] dy, Before before) {
    return norm(true, x, w, epsilon, dy, before);
  }

  /**
   * With {@code n = (x - mean) / root} and {@code g = dy ∘ w}, {@code dx = (g - mean(g) - n ·
   * mean(g ∘ n)) / root}, {@code dw = Σ dy ∘ n} and {@code dBias = Σ dy}; no means are taken away
   * where a norm takes none.
   */
  private static Norm norm(
      boolean centred, float[] x, float[] w, float epsilon, float[] dy, Before before) {
    int columns = w.length;
    Expected dx = new Expected(x.length / columns, columns);
    double[] dw = new double[columns];
    double[] dwScales = new double[columns];
    double amplified = 1;
    for (int row = 0; row < x.length; row += columns) {
      double mean = 0;
      double magnitude = 0;
      for (int c = 0; centred && c < columns; c++) {
        mean += (double) x[row + c] / columns;
        magnitude += Math.abs((double) x[row + c]) / columns;
      }
      double variance = 0;
      for (int c = 0; c < columns; c++) {
        variance += (x[row + c] - mean) * (x[row + c] - mean) / columns;
      }
      double root = Math.sqrt(variance + epsilon);
      // As in the forward reference: the mean is only known to some units in the last place.
      double unsure = magnitude / 16 / root;
      amplified = Math.max(amplified, 1 + unsure);
      double meanOfG = 0;
      double along = 0;
      double gScale = 0;
      double alongScale = 0;
      for (int c = 0; c < columns; c++) {
        double g = (double) dy[row + c] * w[c];
        double n = (x[row + c] - mean) / root;
        meanOfG += centred ? g / columns : 0;
        gScale += centred ? Math.abs(g) / columns : 0;
        along += g * n / columns;
        alongScale += Math.abs(g) * (Math.abs(n) + unsure) / columns;
      }
      for (int c = 0; c < columns; c++) {
        double g = (double) dy[row + c] * w[c];
        double n = (x[row + c] - mean) / root;
        double nScale = Math.abs(n) + unsure;
        add(
            dx,
            row + c,
            before.dx[row + c],
            (g - meanOfG - n * along) / root,
            (Math.abs(g) + gScale + nScale * alongScale) / root);
        dw[c] += dy[row + c] * n;
        dwScales[c] += Math.abs(dy[row + c]) * nScale;
      }
    }
    Expected ofWeight = added(before.dw, dw, dwScales, 1);
    dx.amplified(amplified);
    ofWeight.amplified(amplified);
    return new Norm(dx, ofWeight, linearBias(dy, before.dBias));
  }

  // Attention -------------------------------------------------------------------------------------

  /** What attention's backward gives. */
  record Attention(Expected dq, Expected dKeys, Expected dValues) {}

  /** Row {@code i} sees the first {@code visible[i]} keys. */
  static Attention attention(
      float[] q, Heads heads, float[] keys, float[] values, int[] visible, float[] dy) {
    Sums dq = new Sums(q.length);
    Sums dKeys = new Sums(keys.length);
    Sums dValues = new Sums(values.length);
    for (int row = 0; row < visible.length; row++) {
      for (int head = 0; head < heads.query(); head++) {
        int at = (row * heads.query() + head) * heads.size();
        int column = head / (heads.query() / heads.keyValue()) * heads.size();
        attendBack(q, at, heads, keys, values, column, visible[row], dy, dq, dKeys, dValues);
      }
    }
    return new Attention(
        dq.expected(heads.queryColumns()),
        dKeys.expected(heads.keyValueColumns()),
        dValues.expected(heads.keyValueColumns()));
  }

  /** One query of one head: {@code dS = P ∘ (dP - Σ P ∘ dP) / √size} with {@code dP = dy · vᵀ}. */
  private static void attendBack(
      float[] q,
      int at,
      Heads heads,
      float[] keys,
      float[] values,
      int column,
      int visible,
      float[] dy,
      Sums dq,
      Sums dKeys,
      Sums dValues) {
    int size = heads.size();
    int stride = heads.keyValueColumns();
    Reference.Softmax softmax = new Reference.Softmax(q, at, keys, stride, column, size, visible);
    double[] p = softmax.probabilities;
    double[] dp = new double[visible];
    double[] dpScales = new double[visible];
    double[] dpSquares = new double[visible];
    double mean = 0;
    double meanScale = 0;
    double meanSquares = 0;
    for (int j = 0; j < visible; j++) {
      for (int c = 0; c < size; c++) {
        double term = (double) dy[at + c] * values[j * stride + column + c];
        dp[j] += term;
        dpScales[j] += Math.abs(term);
        dpSquares[j] += term * term;
      }
      mean += p[j] * dp[j];
      meanScale += p[j] * dpScales[j];
      meanSquares += p[j] * p[j] * dpSquares[j];
    }
    double amplification = softmax.amplification;
    dq.amplified(amplification);
    dKeys.amplified(amplification);
    dValues.amplified(amplification);
    for (int j = 0; j < visible; j++) {
      double ds = p[j] * (dp[j] - mean) / Math.sqrt(size);
      double dsScale = p[j] * (dpScales[j] + meanScale) / Math.sqrt(size) * amplification;
      double dsSquare = p[j] * p[j] * (dpSquares[j] + meanSquares) / size;
      for (int c = 0; c < size; c++) {
        int k = j * stride + column + c;
        dq.add(at + c, ds * keys[k], dsScale * Math.abs(keys[k]));
        dKeys.add(k, ds * q[at + c], dsScale * Math.abs(q[at + c]));
        dq.cancelled(dsSquare * keys[k] * keys[k]);
        dKeys.cancelled(dsSquare * q[at + c] * q[at + c]);
        dValues.add(k, p[j] * dy[at + c], p[j] * amplification * Math.abs(dy[at + c]));
      }
    }
  }

  /** Sums that many terms are added to, and the size of the terms. */
  private static final class Sums {
    private final double[] sums;
    private final double[] scales;
    private double amplification = 1;
    private double cancelled;

    Sums(int count) {
      sums = new double[count];
      scales = new double[count];
    }

    void add(int i, double term, double scale) {
      sums[i] += term;
      scales[i] += scale;
    }

    void amplified(double times) {
      amplification = Math.max(amplification, times);
    }

    void cancelled(double square) {
      cancelled += square;
    }

    Expected expected(int columns) {
      Expected expected = added(new float[sums.length], sums, scales, columns);
      expected.amplified(amplification);
      expected.cancelled(cancelled);
      return expected;
    }
  }

  // Loss ------------------------------------------------------------------------------------------

  /** The loss of each row, and {@code scale} times its gradient. */
  record CrossEntropy(Expected losses, Expected dLogits) {}

  static CrossEntropy crossEntropy(float[] logits, int[] labels, float scale) {
    int columns = logits.length / labels.length;
    Expected losses = new Expected(labels.length, 1);
    Expected dLogits = new Expected(labels.length, columns);
    for (int row = 0; row < labels.length; row++) {
      if (labels[row] == GradientKernels.IGNORED) {
        continue;
      }
      int at = row * columns;
      double maximum = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < columns; c++) {
        maximum = Math.max(maximum, logits[at + c]);
      }
      double others = 0;
      for (int c = 0; c < columns; c++) {
        others += c == labels[row] ? 0 : Math.exp(logits[at + c] - maximum);
      }
      double below = logits[at + labels[row]] - maximum;
      double total = others + Math.exp(below);
      double loss = below == 0 ? Math.log1p(others) : Math.log(total) - below;
      // Of exponentials, what float32 hardly holds may be lost.
      losses.set(row, loss, loss + 1e-30);
      for (int c = 0; c < columns; c++) {
        double rest = c == labels[row] ? -others : Math.exp(logits[at + c] - maximum);
        dLogits.set(
            at + c, scale * rest / total, Math.abs(scale) * (Math.abs(rest) / total + 1e-30));
      }
    }
    return new CrossEntropy(losses, dLogits);
  }

  // The optimiser ---------------------------------------------------------------------------------

  /** AdamW in double, step after step, with the settings' own numbers. */
  static final class AdamW {
    final double[] value;
    final double[] first;
    final double[] second;

    /** The size of what the first moment was summed of. */
    final double[] firstScales;

    AdamW(float[] initial) {
      value = new double[initial.length];
      for (int i = 0; i < value.length; i++) {
        value[i] = initial[i];
      }
      first = new double[value.length];
      second = new double[value.length];
      firstScales = new double[value.length];
    }

    void step(float[] gradient, GradientKernels.AdamW settings, double rate, double scale) {
      double beta1 = settings.beta1();
      double beta2 = settings.beta2();
      for (int i = 0; i < value.length; i++) {
        double g = scale * gradient[i];
        value[i] *= 1 - rate * settings.weightDecay();
        first[i] = beta1 * first[i] + (1 - beta1) * g;
        firstScales[i] = beta1 * firstScales[i] + (1 - beta1) * Math.abs(g);
        second[i] = beta2 * second[i] + (1 - beta2) * g * g;
        double mean = first[i] / (1 - Math.pow(beta1, settings.step()));
        double root = Math.sqrt(second[i] / (1 - Math.pow(beta2, settings.step())));
        value[i] -= rate * mean / (root + settings.epsilon());
      }
    }
  }
}
