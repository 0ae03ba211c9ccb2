package org.pyramiddrop.bench.jmh;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.StoredTensor;

/**
 * A LLaMA layer written plainly in double, over the whole of a sequence whose positions begin at 0.
 */
final class LayerReference {
  private LayerReference() {}

  /** A float32 checkpoint's layer over {@code x}, tokens × hidden. */
  static double[] run(Path folder, CheckpointShape shape, int layer, float[] x) {
    int hidden = shape.hidden();
    int tokens = x.length / hidden;
    int size = hidden / shape.heads();
    String p = "language_model.model.layers." + layer + ".";
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      double[] out = new double[x.length];
      for (int i = 0; i < x.length; i++) {
        out[i] = x[i];
      }
      double[] normed = norm(out, weights(checkpoint, p + "input_layernorm.weight"));
      double[] q = multiply(normed, weights(checkpoint, p + "self_attn.q_proj.weight"), hidden);
      double[] k = multiply(normed, weights(checkpoint, p + "self_attn.k_proj.weight"), hidden);
      double[] v = multiply(normed, weights(checkpoint, p + "self_attn.v_proj.weight"), hidden);
      rotate(q, tokens, shape.heads(), size);
      rotate(k, tokens, shape.keyValueHeads(), size);
      double[] attended = attend(q, k, v, tokens, shape.heads(), shape.keyValueHeads(), size);
      add(out, multiply(attended, weights(checkpoint, p + "self_attn.o_proj.weight"), hidden));
      normed = norm(out, weights(checkpoint, p + "post_attention_layernorm.weight"));
      double[] gate = multiply(normed, weights(checkpoint, p + "mlp.gate_proj.weight"), hidden);
      double[] up = multiply(normed, weights(checkpoint, p + "mlp.up_proj.weight"), hidden);
      for (int i = 0; i < gate.length; i++) {
        gate[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
      }
      double[] down = weights(checkpoint, p + "mlp.down_proj.weight");
      add(out, multiply(gate, down, shape.intermediate()));
      return out;
    }
  }

  private static double[] weights(Checkpoint checkpoint, String name) {
    StoredTensor tensor = checkpoint.tensor(name);
    double[] values = new double[Math.toIntExact(tensor.elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          tensor
              .data()
              .get(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 4L * i);
    }
    return values;
  }

  private static double[] multiply(double[] x, double[] w, int inputs) {
    int outputs = w.length / inputs;
    double[] out = new double[x.length / inputs * outputs];
    for (int i = 0; i < out.length; i++) {
      for (int c = 0; c < inputs; c++) {
        out[i] += x[i / outputs * inputs + c] * w[i % outputs * inputs + c];
      }
    }
    return out;
  }

  private static double[] norm(double[] x, double[] w) {
    double[] out = new double[x.length];
    for (int row = 0; row < x.length; row += w.length) {
      double squares = 0;
      for (int c = 0; c < w.length; c++) {
        squares += x[row + c] * x[row + c];
      }
      double root = Math.sqrt(squares / w.length + 1e-5);
      for (int c = 0; c < w.length; c++) {
        out[row + c] = x[row + c] / root * w[c];
      }
    }
    return out;
  }

  private static void rotate(double[] x, int tokens, int heads, int size) {
    for (int t = 0; t < tokens; t++) {
      for (int h = 0; h < heads; h++) {
        int at = (t * heads + h) * size;
        for (int c = 0; c < size / 2; c++) {
          double angle = t * Math.pow(10000, -2.0 * c / size);
          double a = x[at + c];
          double b = x[at + size / 2 + c];
          x[at + c] = a * Math.cos(angle) - b * Math.sin(angle);
          x[at + size / 2 + c] = b * Math.cos(angle) + a * Math.sin(angle);
        }
      }
    }
  }

  private static double[] attend(
      double[] q, double[] k, double[] v, int tokens, int heads, int keyValueHeads, int size) {
    double[] out = new double[q.length];
    for (int t = 0; t < tokens; t++) {
      for (int h = 0; h < heads; h++) {
        int shared = h / (heads / keyValueHeads);
        int query = (t * heads + h) * size;
        double[] e = new double[t + 1];
        double sum = 0;
        for (int s = 0; s <= t; s++) {
          int key = (s * keyValueHeads + shared) * size;
          double dot = 0;
          for (int c = 0; c < size; c++) {
            dot += q[query + c] * k[key + c];
          }
          e[s] = Math.exp(dot / Math.sqrt(size));
          sum += e[s];
        }
        for (int s = 0; s <= t; s++) {
          int value = (s * keyValueHeads + shared) * size;
          for (int c = 0; c < size; c++) {
            out[query + c] += e[s] / sum * v[value + c];
          }
        }
      }
    }
    return out;
  }

  private static void add(double[] x, double[] y) {
    for (int i = 0; i < x.length; i++) {
      x[i] += y[i];
    }
  }
}
