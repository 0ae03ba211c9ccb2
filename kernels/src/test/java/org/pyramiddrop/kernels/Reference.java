package org.pyramiddrop.kernels;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Each operation written plainly, in double. */
public final class Reference {
  private Reference() {}

  /** {@code activation(x · wᵀ + bias)}; {@code before} is what the output held. */
  static Expected linear(
      float[] x,
      float[] w,
      int inputs,
      float @Nullable [] bias,
      Activation activation,
      float[] before) {
    return linear(x, doubles(w), w, inputs, bias, activation, before);
  }

  /** The same numbers. */
  static double[] doubles(float[] values) {
    double[] doubles = new double[values.length];
    Arrays.setAll(doubles, i -> values[i]);
    return doubles;
  }

  /**
   * The same of weights that are sums or products themselves.
   *
   * @param sizes what rounding errors of each weight's products grow with
   */
  static Expected linear(
      float[] x,
      double[] w,
      float[] sizes,
      int inputs,
      float @Nullable [] bias,
      Activation activation,
      float[] before) {
    int rows = x.length / inputs;
    int outputs = w.length / inputs;
    Expected expected = new Expected(rows, outputs);
    for (int i = 0; i < rows * outputs; i++) {
      double added = bias == null ? 0 : bias[i % outputs];
      Dot dot = new Dot(x, i / outputs * inputs, w, sizes, i % outputs * inputs, inputs);
      double sum = added + dot.sum;
      double scale = Math.abs(added) + dot.scale;
      switch (activation) {
        case NONE -> expected.set(i, sum, scale);
        case ADD -> expected.set(i, before[i] + sum, scale + Math.abs(before[i]));
        case GELU -> expected.set(i, sum * normal(sum), scale);
        case QUICK_GELU -> expected.set(i, sum / (1 + Math.exp(-1.702 * sum)), scale);
      }
    }
    return expected;
  }

  /** The normal distribution by Marsaglia's series ("Evaluating the normal distribution", 2004). */
  public static double normal(double x) {
    if (Math.abs(x) > 9) {
      return x < 0 ? 0 : 1;
    }
    double sum = x;
    double term = x;
    for (int i = 3; sum + term != sum; i += 2) {
      term *= x * x / i;
      sum += term;
    }
    return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  /** {@code silu(x · gateᵀ) ∘ (x · upᵀ)}. */
  static Expected swiGlu(float[] x, float[] gateUp, int inputs) {
    return swiGlu(x, doubles(gateUp), gateUp, inputs);
  }

  /**
   * The same of weights that are sums or products themselves.
   *
   * @param sizes what rounding errors of each weight's products grow with
   */
  static Expected swiGlu(float[] x, double[] gateUp, float[] sizes, int inputs) {
    int rows = x.length / inputs;
    int hidden = gateUp.length / inputs / 2;
    Expected expected = new Expected(rows, hidden);
    for (int i = 0; i < rows * hidden; i++) {
      Dot gated = new Dot(x, i / hidden * inputs, gateUp, sizes, i % hidden * inputs, inputs);
      int upAt = (hidden + i % hidden) * inputs;
      Dot raised = new Dot(x, i / hidden * inputs, gateUp, sizes, upAt, inputs);
      double gate = gated.sum;
      double up = raised.sum;
      double gateScale = gated.scale;
      double upScale = raised.scale;
      double silu = gate / (1 + Math.exp(-gate));
      // Where weights less their zeros are nothing, both sums may be no more than their errors.
      double both = 1e-6 * gateScale * upScale;
      expected.set(i, silu * up, gateScale * Math.abs(up) + Math.abs(silu) * upScale + both);
    }
    return expected;
  }

  /** {@code x / √(mean(x²) + epsilon) ∘ w}. */
  static Expected rmsNorm(float[] x, float[] w, float epsilon) {
    int columns = w.length;
    Expected expected = new Expected(x.length / columns, columns);
    for (int row = 0; row < x.length; row += columns) {
      double squares = 0;
      for (int c = 0; c < columns; c++) {
        squares += (double) x[row + c] * x[row + c];
      }
      double root = Math.sqrt(squares / columns + epsilon);
      for (int c = 0; c < columns; c++) {
        double value = x[row + c] / root * w[c];
        expected.set(row + c, value, Math.abs(value));
      }
    }
    return expected;
  }

  /** {@code (x - mean) / √(variance + epsilon) ∘ w + bias}. */
  static Expected layerNorm(float[] x, float[] w, float[] bias, float epsilon) {
    int columns = w.length;
    Expected expected = new Expected(x.length / columns, columns);
    double unit = 0;
    for (int i = 0; i < x.length; i++) {
      unit += Math.pow(Math.abs(w[i % columns]) + Math.abs(bias[i % columns]), 2);
    }
    // A mean's error is seen through the weights, however small x - mean and the bias are.
    expected.cancelled(unit);
    for (int row = 0; row < x.length; row += columns) {
      double mean = 0;
      double magnitude = 0;
      for (int c = 0; c < columns; c++) {
        mean += (double) x[row + c] / columns;
        magnitude += Math.abs((double) x[row + c]) / columns;
      }
      double variance = 0;
      for (int c = 0; c < columns; c++) {
        variance += (x[row + c] - mean) * (x[row + c] - mean) / columns;
      }
      double root = Math.sqrt(variance + epsilon);
      // The mean is only known to some units in the last place of what was summed for it.
      double unsure = magnitude / 16;
      expected.amplified(1 + unsure / root);
      for (int c = 0; c < columns; c++) {
        double value = (x[row + c] - mean) / root * w[c];
        double scale = (Math.abs(x[row + c] - mean) + unsure) / root * Math.abs(w[c]);
        expected.set(row + c, value + bias[c], scale + Math.abs(bias[c]));
      }
    }
    return expected;
  }

  /** Turns channel pairs (c, c + size/2) of the first heads; see {@link Kernels#rotary}. */
  static Expected rotate(
      float[] x, int columns, int heads, int size, double theta, int[] positions) {
    Expected expected = Expected.exactly(x, columns);
    for (int i = 0; i < positions.length * heads * size / 2; i++) {
      int c = i % (size / 2);
      int head = i / (size / 2) % heads;
      int row = i / (size / 2) / heads;
      float frequency = 1 / (float) Math.pow(theta, 2f * c / size);
      float angle = positions[row] * frequency;
      int low = row * columns + head * size + c;
      int high = low + size / 2;
      double scale = Math.abs(x[low]) + Math.abs(x[high]);
      expected.set(low, x[low] * Math.cos(angle) - x[high] * Math.sin(angle), scale);
      expected.set(high, x[high] * Math.cos(angle) + x[low] * Math.sin(angle), scale);
    }
    return expected;
  }

  /** Softmax attention where row {@code i} sees the first {@code visible[i]} keys. */
  static Expected attention(
      float[] q, int queryStride, Heads heads, float[] keys, float[] values, int[] visible) {
    int size = heads.size();
    int stride = heads.keyValueColumns();
    Expected expected = new Expected(visible.length, heads.queryColumns());
    for (int row = 0; row < visible.length; row++) {
      for (int head = 0; head < heads.query(); head++) {
        int column = head / (heads.query() / heads.keyValue()) * size;
        Softmax p =
            new Softmax(
                q, row * queryStride + head * size, keys, stride, column, size, visible[row]);
        expected.amplified(p.amplification);
        for (int c = 0; c < size; c++) {
          double sum = 0;
          double scale = 0;
          for (int j = 0; j < visible[row]; j++) {
            double term = p.probabilities[j] * values[j * stride + column + c];
            sum += term;
            scale += Math.abs(term);
          }
          int at = (row * heads.query() + head) * size + c;
          expected.set(at, sum, scale * p.amplification);
          expected.weighed(at, scale);
        }
      }
    }
    return expected;
  }

  /** The softmax of each query, averaged over heads and queries. */
  static Expected scoreTokens(float[] queries, int queryStride, Heads heads, float[] keys) {
    int stride = heads.keyValueColumns();
    int count = keys.length / stride;
    int rows = queries.length / queryStride;
    double[] means = new double[count];
    double[] scales = new double[count];
    Expected expected = new Expected(1, count);
    for (int i = 0; i < rows * heads.query(); i++) {
      int head = i % heads.query();
      int column = head / (heads.query() / heads.keyValue()) * heads.size();
      int at = i / heads.query() * queryStride + head * heads.size();
      Softmax p = new Softmax(queries, at, keys, stride, column, heads.size(), count);
      expected.amplified(p.amplification);
      for (int j = 0; j < count; j++) {
        double share = p.probabilities[j] / heads.query() / rows;
        means[j] += share;
        scales[j] += share * p.amplification;
      }
    }
    for (int j = 0; j < count; j++) {
      expected.set(j, means[j], scales[j]);
    }
    return expected;
  }

  /** A row of x times a row of w, and what rounding errors of it grow with. */
  private static final class Dot {
    final double sum;
    final double scale;

    Dot(float[] x, int xAt, double[] w, float[] sizes, int wAt, int count) {
      // Three sums of each: one alone waits for each of its additions.
      double sum0 = 0;
      double sum1 = 0;
      double sum2 = 0;
      double scale0 = 0;
      double scale1 = 0;
      double scale2 = 0;
      int c = 0;
      for (; c < count - 2; c += 3) {
        double x0 = x[xAt + c];
        double x1 = x[xAt + c + 1];
        double x2 = x[xAt + c + 2];
        sum0 += x0 * w[wAt + c];
        sum1 += x1 * w[wAt + c + 1];
        sum2 += x2 * w[wAt + c + 2];
        scale0 += Math.abs(x0 * sizes[wAt + c]);
        scale1 += Math.abs(x1 * sizes[wAt + c + 1]);
        scale2 += Math.abs(x2 * sizes[wAt + c + 2]);
      }
      for (; c < count; c++) {
        sum0 += x[xAt + c] * w[wAt + c];
        scale0 += Math.abs((double) x[xAt + c] * sizes[wAt + c]);
      }
      sum = sum0 + sum1 + sum2;
      scale = scale0 + scale1 + scale2;
    }
  }

  /** One query's softmax over keys, and how much an error in a score grows in it. */
  static final class Softmax {
    final double[] probabilities;
    final double amplification;

    Softmax(float[] q, int at, float[] keys, int stride, int column, int size, int count) {
      probabilities = new double[count];
      double maximum = Double.NEGATIVE_INFINITY;
      double magnitude = 0;
      for (int j = 0; j < count; j++) {
        double score = 0;
        double terms = 0;
        for (int c = 0; c < size; c++) {
          double term = q[at + c] * (double) keys[j * stride + column + c] / Math.sqrt(size);
          score += term;
          terms += Math.abs(term);
        }
        probabilities[j] = score;
        maximum = Math.max(maximum, score);
        magnitude = Math.max(magnitude, terms);
      }
      double total = 0;
      for (int j = 0; j < count; j++) {
        probabilities[j] = Math.exp(probabilities[j] - maximum);
        total += probabilities[j];
      }
      for (int j = 0; j < count; j++) {
        probabilities[j] /= total;
      }
      // A score summed of magnitude m is known to some tens of units in m's last place, and e^x
      // turns an absolute error into a relative one.
      amplification = 1 + magnitude / 4;
    }
  }

  /** Places of the highest scores, ascending; see {@link Kernels#selectTopK}. */
  static int[] topK(float[] scores, int first, int count, int keep) {
    Comparator<Integer> highestFirst =
        (a, b) -> {
          boolean nan = Float.isNaN(scores[a]);
          if (nan || Float.isNaN(scores[b])) {
            return Boolean.compare(nan, Float.isNaN(scores[b]));
          }
          return scores[a] > scores[b] ? -1 : scores[a] < scores[b] ? 1 : 0;
        };
    return IntStream.range(first, first + count)
        .boxed()
        .sorted(highestFirst) // Stable, so that equal scores stay in order.
        .limit(keep)
        .mapToInt(Integer::intValue)
        .sorted()
        .toArray();
  }
}
