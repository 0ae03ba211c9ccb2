package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Parameter;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** Gradients and the optimiser on the CPU; each call returns when it is done. */
final class CpuGradientKernels implements GradientKernels {
  private final Workers workers;
  private final LinearGradient linear;
  private final AttentionGradient attention;

  CpuGradientKernels(Workers workers, Scratch scratch, BlockedProduct product) {
    this.workers = workers;
    linear = new LinearGradient(workers, product);
    attention = new AttentionGradient(workers, scratch);
  }

  // Parameters ------------------------------------------------------------------------------------

  @Override
  public Parameter parameter(HostMatrix initial) {
    return new CpuParameter(initial);
  }

  @Override
  public float[] download(Parameter parameter, Parameter.Content content) {
    return ((CpuParameter) parameter).read(content);
  }

  @Override
  public void upload(float[] values, Parameter parameter, Parameter.Content content) {
    ((CpuParameter) parameter).write(values, content);
  }

  @Override
  public void clear(Tensor x) {
    CpuTensor t = (CpuTensor) x;
    Arrays.fill(t.data(), t.offset(), t.offset() + t.size(), 0f);
  }

  @Override
  public double squaredNorm(Tensor x) {
    CpuTensor t = (CpuTensor) x;
    double sum = 0;
    for (int i = t.offset(); i < t.offset() + t.size(); i++) {
      sum += (double) t.data()[i] * t.data()[i];
    }
    return sum;
  }

  @Override
  public void adamW(Parameter parameter, AdamW settings, float learningRate, float gradientScale) {
    CpuParameter p = (CpuParameter) parameter;
    MemorySegment value = p.value();
    float[] gradient = p.gradient().data();
    float[] first = p.firstMoment();
    float[] second = p.secondMoment();
    float beta1 = settings.beta1();
    float beta2 = settings.beta2();
    double correction1 = 1 - Math.pow(beta1, settings.step());
    double correction2 = 1 - Math.pow(beta2, settings.step());
    float keep = (float) (1 - (double) learningRate * settings.weightDecay());
    float rate = (float) (learningRate / correction1);
    float root = (float) Math.sqrt(correction2);
    for (int i = 0; i < p.size(); i++) {
      float g = gradientScale * gradient[i];
      first[i] = beta1 * first[i] + (1 - beta1) * g;
      second[i] = beta2 * second[i] + (1 - beta2) * g * g;
      float denominator = (float) Math.sqrt(second[i]) / root + settings.epsilon();
      float x = value.get(Numbers.FLOAT, 4L * i) * keep - rate * (first[i] / denominator);
      value.set(Numbers.FLOAT, 4L * i, x);
    }
    p.changed();
  }

  // Sums ------------------------------------------------------------------------------------------

  @Override
  public void addScaled(Tensor x, float factor, Tensor out) {
    addColumns(x, factor, out, 0);
  }

  @Override
  public void addColumns(Tensor x, float factor, Tensor out, int firstColumn) {
    CpuTensor from = (CpuTensor) x;
    CpuTensor to = (CpuTensor) out;
    workers.byRow(
        x.rows(),
        x.columns(),
        r ->
            addRow(
                from.data(), from.row(r), factor, to.data(), to.row(r) + firstColumn, x.columns()));
  }

  private static void addRow(float[] x, int at, float factor, float[] out, int to, int count) {
    for (int c = 0; c < count; c++) {
      out[to + c] += factor * x[at + c];
    }
  }

  @Override
  public void addFromColumns(Tensor x, int firstColumn, Tensor out) {
    CpuTensor from = (CpuTensor) x;
    CpuTensor to = (CpuTensor) out;
    for (int r = 0; r < to.rows(); r++) {
      int at = from.row(r) + firstColumn;
      int into = to.row(r);
      for (int c = 0; c < to.columns(); c++) {
        to.data()[into + c] += from.data()[at + c];
      }
    }
  }

  @Override
  public void addRows(Tensor x, Indices rows, Tensor out) {
    CpuTensor from = (CpuTensor) x;
    CpuTensor to = (CpuTensor) out;
    int[] places = ((CpuIndices) rows).copy();
    for (int place : places) {
      Objects.checkIndex(place, out.rows());
    }
    for (int r = 0; r < places.length; r++) {
      addRow(from.data(), from.row(r), 1, to.data(), to.row(places[r]), x.columns());
    }
  }

  @Override
  public void addToTable(Tensor dy, Indices ids, Tensor gradient) {
    CpuTensor from = (CpuTensor) dy;
    CpuTensor to = (CpuTensor) gradient;
    int[] picked = ((CpuIndices) ids).copy();
    for (int id : picked) {
      if (id < 0 || id >= gradient.rows()) {
        throw new IllegalArgumentException(
            "id %d is outside the table of %d rows".formatted(id, gradient.rows()));
      }
    }
    for (int r = 0; r < picked.length; r++) {
      addRow(from.data(), from.row(r), 1, to.data(), to.row(picked[r]), dy.columns());
    }
  }

  // Linear layers ---------------------------------------------------------------------------------

  @Override
  public void linearInput(Tensor dy, Weight w, boolean add, Tensor dx) {
    linear.input((CpuTensor) dy, (CpuWeight) w, add, (CpuTensor) dx);
  }

  @Override
  public void linearWeight(Tensor x, Tensor dy, Tensor gradient) {
    linear.weight((CpuTensor) x, (CpuTensor) dy, (CpuTensor) gradient);
  }

  @Override
  public void linearBias(Tensor dy, Tensor gradient) {
    CpuTensor from = (CpuTensor) dy;
    CpuTensor to = (CpuTensor) gradient;
    for (int c = 0; c < dy.columns(); c++) {
      double sum = 0;
      for (int r = 0; r < dy.rows(); r++) {
        sum += from.data()[from.row(r) + c];
      }
      to.data()[to.row(c)] += (float) sum;
    }
  }

  // Activations -----------------------------------------------------------------------------------

  @Override
  public void siluTimes(Tensor gate, Tensor up, Tensor out) {
    CpuTensor g = (CpuTensor) gate;
    CpuTensor u = (CpuTensor) up;
    CpuTensor to = (CpuTensor) out;
    for (int i = 0; i < g.size(); i++) {
      double x = g.data()[g.offset() + i];
      to.data()[to.offset() + i] = (float) (x * sigmoid(x) * u.data()[u.offset() + i]);
    }
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  @Override
  public void siluTimesGradient(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp) {
    CpuTensor g = (CpuTensor) gate;
    CpuTensor u = (CpuTensor) up;
    CpuTensor d = (CpuTensor) dy;
    CpuTensor dg = (CpuTensor) dGate;
    CpuTensor du = (CpuTensor) dUp;
    for (int i = 0; i < g.size(); i++) {
      double x = g.data()[g.offset() + i];
      double dyUp = (double) d.data()[d.offset() + i] * u.data()[u.offset() + i];
      double dySilu = d.data()[d.offset() + i] * x * sigmoid(x);
      dg.data()[dg.offset() + i] = (float) (dyUp * sigmoidWeightedGradient(x, 1));
      du.data()[du.offset() + i] = (float) dySilu;
    }
  }

  /** The derivative of x·σ(slope·x). */
  private static double sigmoidWeightedGradient(double x, double slope) {
    double s = sigmoid(slope * x);
    return s * (1 + slope * x * (1 - s));
  }

  @Override
  public void activate(Tensor x, Activation activation, Tensor out) {
    CpuTensor to = (CpuTensor) out;
    CpuTensor from = (CpuTensor) x;
    System.arraycopy(from.data(), from.offset(), to.data(), to.offset(), from.size());
    Epilogue.apply(activation, null, 0, to.data(), to.offset(), to.size());
  }

  @Override
  public void activateGradient(Tensor x, Activation activation, Tensor dy, Tensor dx) {
    CpuTensor from = (CpuTensor) x;
    CpuTensor d = (CpuTensor) dy;
    CpuTensor to = (CpuTensor) dx;
    for (int i = 0; i < from.size(); i++) {
      double v = from.data()[from.offset() + i];
      double slope =
          switch (activation) {
            case GELU -> normal(v) + v * Math.exp(-v * v / 2) / Math.sqrt(2 * Math.PI);
            case QUICK_GELU -> sigmoidWeightedGradient(v, 1.702);
            case NONE, ADD -> throw new IllegalArgumentException(activation + " has no gradient");
          };
      to.data()[to.offset() + i] = (float) (d.data()[d.offset() + i] * slope);
    }
  }

  /** The normal distribution by Abramowitz and Stegun 7.1.26. */
  private static double normal(double x) {
    double z = Math.abs(x) * Math.sqrt(0.5);
    double t = 1 / (1 + 0.3275911 * z);
    double p = 1.061405429;
    p = p * t - 1.453152027;
    p = p * t + 1.421413741;
    p = p * t - 0.284496736;
    p = p * t + 0.254829592;
    double tail = 0.5 * p * t * Math.exp(-z * z);
    return x < 0 ? tail : 1 - tail;
  }

  // Norms -----------------------------------------------------------------------------------------

  @Override
  public void rmsNormGradient(
      Tensor x, Weight w, float epsilon, Tensor dy, Tensor dx, @Nullable Tensor dw) {
    normGradient(false, x, w, epsilon, dy, dx, dw, null);
  }

  @Override
  public void layerNormGradient(
      Tensor x,
      Weight w,
      float epsilon,
      Tensor dy,
      Tensor dx,
      @Nullable Tensor dw,
      @Nullable Tensor dBias) {
    normGradient(true, x, w, epsilon, dy, dx, dw, dBias);
  }

  private static void normGradient(
      boolean centred,
      Tensor x,
      Weight w,
      float epsilon,
      Tensor dy,
      Tensor dx,
      @Nullable Tensor dw,
      @Nullable Tensor dBias) {
    int columns = x.columns();
    float[] in = ((CpuTensor) x).data();
    float[] d = ((CpuTensor) dy).data();
    float[] out = ((CpuTensor) dx).data();
    float[] v = ((CpuWeight) w).vector();
    int vi = ((CpuWeight) w).vectorOffset();
    double[] weight = new double[columns];
    double[] bias = new double[columns];
    for (int r = 0; r < x.rows(); r++) {
      int xi = ((CpuTensor) x).row(r);
      int di = ((CpuTensor) dy).row(r);
      int oi = ((CpuTensor) dx).row(r);
      double mean = 0;
      for (int c = 0; centred && c < columns; c++) {
        mean += (double) in[xi + c] / columns;
      }
      double variance = 0;
      for (int c = 0; c < columns; c++) {
        variance += (in[xi + c] - mean) * (in[xi + c] - mean) / columns;
      }
      double scale = 1 / Math.sqrt(variance + epsilon);
      double along = 0;
      double meanOfAll = 0;
      for (int c = 0; c < columns; c++) {
        double g = (double) d[di + c] * v[vi + c];
        along += g * (in[xi + c] - mean) * scale / columns;
        meanOfAll += centred ? g / columns : 0;
      }
      for (int c = 0; c < columns; c++) {
        double normed = (in[xi + c] - mean) * scale;
        double g = (double) d[di + c] * v[vi + c];
        out[oi + c] += (float) (scale * (g - meanOfAll - normed * along));
        weight[c] += d[di + c] * normed;
        bias[c] += d[di + c];
      }
    }
    addVector(weight, dw);
    addVector(bias, dBias);
  }

  private static void addVector(double[] x, @Nullable Tensor out) {
    if (out != null) {
      CpuTensor to = (CpuTensor) out;
      for (int c = 0; c < x.length; c++) {
        to.data()[to.offset() + c] += (float) x[c];
      }
    }
  }

  // Attention -------------------------------------------------------------------------------------

  @Override
  public void rotateBack(Tensor x, int heads, Rotary rotary, Indices positions) {
    CpuTensor t = (CpuTensor) x;
    CpuRotary table = (CpuRotary) rotary;
    int[] at = CpuKernels.tabulated(positions, rotary);
    int half = rotary.headSize() / 2;
    workers.byRow(
        x.rows(),
        x.columns(),
        r -> {
          for (int h = 0; h < heads; h++) {
            int low = t.row(r) + h * rotary.headSize();
            for (int c = 0; c < half; c++) {
              float cos = table.cos()[at[r] * half + c];
              float sin = table.sin()[at[r] * half + c];
              float a = t.data()[low + c];
              float b = t.data()[low + half + c];
              t.data()[low + c] = a * cos + b * sin;
              t.data()[low + half + c] = b * cos - a * sin;
            }
          }
        });
  }

  @Override
  public void attentionGradient(
      Tensor q,
      Heads heads,
      Tensor keys,
      Tensor values,
      Mask mask,
      Tensor dy,
      Tensor dq,
      Tensor dKeys,
      Tensor dValues) {
    Attention.VisibleKeys visible = Attention.VisibleKeys.of(mask, q.rows(), keys.rows());
    attention.run(
        (CpuTensor) q,
        heads,
        (CpuTensor) keys,
        (CpuTensor) values,
        visible,
        (CpuTensor) dy,
        (CpuTensor) dq,
        (CpuTensor) dKeys,
        (CpuTensor) dValues);
  }

  // Loss ------------------------------------------------------------------------------------------

  @Override
  public void crossEntropy(
      Tensor logits, Indices labels, float scale, Tensor losses, Tensor dLogits) {
    CpuTensor from = (CpuTensor) logits;
    CpuTensor loss = (CpuTensor) losses;
    CpuTensor to = (CpuTensor) dLogits;
    int[] label = ((CpuIndices) labels).copy();
    int columns = logits.columns();
    for (int i : label) {
      if (i != IGNORED && (i < 0 || i >= columns)) {
        throw new IllegalArgumentException(
            "label %d is outside the %d columns of the logits".formatted(i, columns));
      }
    }
    workers.byRow(
        logits.rows(),
        columns,
        r -> {
          int at = from.row(r);
          int out = to.row(r);
          if (label[r] == IGNORED) {
            loss.data()[loss.row(r)] = 0;
            Arrays.fill(to.data(), out, out + columns, 0f);
            return;
          }
          float maximum = Attention.maximum(from.data(), at, columns);
          double total = 0;
          for (int c = 0; c < columns; c++) {
            total += Math.exp((double) from.data()[at + c] - maximum);
          }
          double own = (double) from.data()[at + label[r]] - maximum;
          loss.data()[loss.row(r)] = (float) (Math.log(total) - own);
          for (int c = 0; c < columns; c++) {
            double p = Math.exp((double) from.data()[at + c] - maximum) / total;
            to.data()[out + c] = (float) (scale * (c == label[r] ? p - 1 : p));
          }
        });
  }
}
