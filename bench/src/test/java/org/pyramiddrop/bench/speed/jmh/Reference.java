package org.pyramiddrop.bench.speed.jmh;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.StoredTensor;

/** The model's operations written plainly, in double; matrices are arrays, row by row. */
final class Reference {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Reference() {}

  static double[] doubles(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
  }

  static double[] doubles(DType dtype, MemorySegment data) {
    return IntStream.range(0, Math.toIntExact(data.byteSize() / dtype.bytes()))
        .mapToDouble(i ->
            switch (dtype) {
              case FLOAT32 -> data.get(FLOAT, 4L * i);
              case FLOAT16 -> Float.float16ToFloat(data.get(SHORT, 2L * i));
              case BFLOAT16 -> Float.intBitsToFloat(data.get(SHORT, 2L * i) << 16);
              case INT8, INT4, FP8 -> throw dtype.notSingle();
            })
        .toArray();
  }

  static double[] weights(Checkpoint checkpoint, String name) {
    StoredTensor tensor = checkpoint.tensor(name);
    DType dtype =
        switch (tensor.type()) {
          case F32 -> DType.FLOAT32;
          case F16 -> DType.FLOAT16;
          case BF16 -> DType.BFLOAT16;
          default -> throw new IllegalArgumentException(name + " is " + tensor.type());
        };
    return doubles(dtype, tensor.data());
  }

  /** {@code x · wᵀ}. */
  static double[] multiply(double[] x, double[] w, int inputs) {
    int outputs = w.length / inputs;
    double[] out = new double[x.length / inputs * outputs];
    for (int i = 0; i < out.length; i++) {
      for (int c = 0; c < inputs; c++) {
        out[i] += x[i / outputs * inputs + c] * w[i % outputs * inputs + c];
      }
    }
    return out;
  }

  /** Adds {@code y}, over and over if it is shorter. */
  static void add(double[] x, double[] y) {
    for (int i = 0; i < x.length; i++) {
      x[i] += y[i % y.length];
    }
  }

  static double[] rmsNorm(double[] x, double[] w, double epsilon) {
    double[] out = new double[x.length];
    for (int row = 0; row < x.length; row += w.length) {
      double squares = 0;
      for (int c = 0; c < w.length; c++) {
        squares += x[row + c] * x[row + c];
      }
      double root = Math.sqrt(squares / w.length + epsilon);
      for (int c = 0; c < w.length; c++) {
        out[row + c] = x[row + c] / root * w[c];
      }
    }
    return out;
  }

  static double[] layerNorm(double[] x, double[] w, double[] bias, double epsilon) {
    double[] out = new double[x.length];
    for (int row = 0; row < x.length; row += w.length) {
      double[] values = Arrays.copyOfRange(x, row, row + w.length);
      double mean = Arrays.stream(values).average().orElseThrow();
      double variance =
          Arrays.stream(values).map(v -> (v - mean) * (v - mean)).average().orElseThrow();
      for (int c = 0; c < w.length; c++) {
        out[row + c] = (values[c] - mean) / Math.sqrt(variance + epsilon) * w[c] + bias[c];
      }
    }
    return out;
  }

  static void rotate(double[] x, int[] positions, int heads, int size) {
    for (int t = 0; t < positions.length; t++) {
      for (int h = 0; h < heads; h++) {
        int at = (t * heads + h) * size;
        for (int c = 0; c < size / 2; c++) {
          double angle = positions[t] * Math.pow(10000, -2.0 * c / size);
          double a = x[at + c];
          double b = x[at + size / 2 + c];
          x[at + c] = a * Math.cos(angle) - b * Math.sin(angle);
          x[at + size / 2 + c] = b * Math.cos(angle) + a * Math.sin(angle);
        }
      }
    }
  }

  /** How one head of one query attends to the first {@code seen} keys. */
  static double[] attention(double[] q, int row, int head, double[] k, int seen, Heads heads) {
    int size = heads.size();
    int shared = head / (heads.query() / heads.keyValue());
    double[] e = new double[seen];
    double sum = 0;
    for (int s = 0; s < seen; s++) {
      double dot = 0;
      for (int c = 0; c < size; c++) {
        dot +=
            q[row * heads.queryColumns() + head * size + c]
                * k[s * heads.keyValueColumns() + shared * size + c];
      }
      e[s] = Math.exp(dot / Math.sqrt(size));
      sum += e[s];
    }
    for (int s = 0; s < seen; s++) {
      e[s] /= sum;
    }
    return e;
  }

  /**
   * Attention.
   *
   * @param seen how many keys each query sees
   */
  static double[] attend(double[] q, double[] k, double[] v, int[] seen, Heads heads) {
    int size = heads.size();
    double[] out = new double[q.length];
    for (int t = 0; t < seen.length; t++) {
      for (int h = 0; h < heads.query(); h++) {
        double[] weights = attention(q, t, h, k, seen[t], heads);
        int shared = h / (heads.query() / heads.keyValue());
        for (int s = 0; s < seen[t]; s++) {
          for (int c = 0; c < size; c++) {
            out[t * heads.queryColumns() + h * size + c] +=
                weights[s] * v[s * heads.keyValueColumns() + shared * size + c];
          }
        }
      }
    }
    return out;
  }

  /** The mean over heads of how a query attends to all keys. */
  static double[] scores(double[] query, double[] k, Heads heads) {
    int keys = k.length / heads.keyValueColumns();
    double[] out = new double[keys];
    for (int h = 0; h < heads.query(); h++) {
      double[] weights = attention(query, 0, h, k, keys, heads);
      for (int s = 0; s < keys; s++) {
        out[s] += weights[s] / heads.query();
      }
    }
    return out;
  }

  /** Places of the highest scores from {@code first} on, ascending. */
  static int[] highest(double[] scores, int first, int count, int keep) {
    return IntStream.range(first, first + count)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer i) -> -scores[i]).thenComparing(i -> i))
        .limit(keep)
        .mapToInt(Integer::intValue)
        .sorted()
        .toArray();
  }

  static double[] rows(double[] x, int[] rows, int columns) {
    double[] out = new double[rows.length * columns];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(x, rows[i] * columns, out, i * columns, columns);
    }
    return out;
  }
}
