package org.pyramiddrop.kernels.cpu;

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
    workers.byRun(
        t.size(),
        (first, count) -> {
          int from = t.offset() + first;
          Arrays.fill(t.data(), from, from + count, 0f);
        });
  }

  @Override
  public double squaredNorm(Tensor x) {
    return SquaredNorm.of((CpuTensor) x, workers);
  }

  @Override
  public void adamW(Parameter parameter, AdamW settings, float learningRate, float gradientScale) {
    CpuParameter p = (CpuParameter) parameter;
    AdamWStep step = new AdamWStep(settings, learningRate, gradientScale);
    workers.byRun(p.size(), (first, count) -> step.run(p, first, count));
    p.changed();
  }

  // Sums ------------------------------------------------------------------------------------------

  @Override
  public void addScaled(Tensor x, float factor, Tensor out) {
    CpuTensor from = (CpuTensor) x;
    CpuTensor to = (CpuTensor) out;
    workers.byRun(
        from.size(),
        (i, count) ->
            Elements.addScaled(
                from.data(), from.offset() + i, factor, to.data(), to.offset() + i, count));
  }

  @Override
  public void addColumns(Tensor x, float factor, Tensor out, int firstColumn) {
    CpuTensor from = (CpuTensor) x;
    CpuTensor to = (CpuTensor) out;
    workers.byRow(
        x.rows(),
        x.columns(),
        r ->
            Elements.addScaled(
                from.data(), from.row(r), factor, to.data(), to.row(r) + firstColumn, x.columns()));
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
      Elements.addScaled(from.data(), from.row(r), 1, to.data(), to.row(places[r]), x.columns());
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
      Elements.addScaled(from.data(), from.row(r), 1, to.data(), to.row(picked[r]), dy.columns());
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
    int columns = dy.columns();
    float[] sums =
        RowSums.of(
            dy.rows(), columns, workers, (r, count, ofChunk) -> sumRows(from, r, count, ofChunk));
    RowSums.addTo((CpuTensor) gradient, sums, 0, columns);
  }

  private static void sumRows(CpuTensor x, int row, int count, float[] sums) {
    int r = row;
    for (; r + 4 <= row + count; r += 4) {
      Elements.addFour(
          x.data(), x.row(r), x.row(r + 1), x.row(r + 2), x.row(r + 3), sums, 0, x.columns());
    }
    for (; r < row + count; r++) {
      Elements.addScaled(x.data(), x.row(r), 1, sums, 0, x.columns());
    }
  }

  // Activations -----------------------------------------------------------------------------------

  @Override
  public void siluTimes(Tensor gate, Tensor up, Tensor out) {
    CpuTensor g = (CpuTensor) gate;
    CpuTensor u = (CpuTensor) up;
    CpuTensor to = (CpuTensor) out;
    workers.byRun(
        g.size(),
        (i, count) ->
            Epilogue.gate(
                g.data(),
                g.offset() + i,
                u.data(),
                u.offset() + i,
                to.data(),
                to.offset() + i,
                count));
  }

  @Override
  public void siluTimesGradient(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp) {
    CpuTensor g = (CpuTensor) gate;
    CpuTensor u = (CpuTensor) up;
    CpuTensor d = (CpuTensor) dy;
    CpuTensor dg = (CpuTensor) dGate;
    CpuTensor du = (CpuTensor) dUp;
    workers.byRun(
        g.size(),
        (i, count) ->
            Elements.siluTimesGradient(
                g.data(),
                g.offset() + i,
                u.data(),
                u.offset() + i,
                d.data(),
                d.offset() + i,
                dg.data(),
                dg.offset() + i,
                du.data(),
                du.offset() + i,
                count));
  }

  @Override
  public void activate(Tensor x, Activation activation, Tensor out) {
    CpuTensor to = (CpuTensor) out;
    CpuTensor from = (CpuTensor) x;
    workers.byRun(
        from.size(),
        (i, count) -> {
          int at = to.offset() + i;
          System.arraycopy(from.data(), from.offset() + i, to.data(), at, count);
          Epilogue.apply(activation, null, 0, to.data(), at, count);
        });
  }

  @Override
  public void activateGradient(Tensor x, Activation activation, Tensor dy, Tensor dx) {
    CpuTensor from = (CpuTensor) x;
    CpuTensor d = (CpuTensor) dy;
    CpuTensor to = (CpuTensor) dx;
    workers.byRun(
        from.size(),
        (i, count) -> {
          int at = from.offset() + i;
          int di = d.offset() + i;
          int out = to.offset() + i;
          if (activation == Activation.GELU) {
            Elements.geluGradient(from.data(), at, d.data(), di, to.data(), out, count);
          } else {
            Elements.quickGeluGradient(from.data(), at, d.data(), di, to.data(), out, count);
          }
        });
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

  private void normGradient(
      boolean centred,
      Tensor x,
      Weight w,
      float epsilon,
      Tensor dy,
      Tensor dx,
      @Nullable Tensor dw,
      @Nullable Tensor dBias) {
    NormGradients.run(
        centred,
        (CpuTensor) x,
        (CpuWeight) w,
        epsilon,
        (CpuTensor) dy,
        (CpuTensor) dx,
        (CpuTensor) dw,
        (CpuTensor) dBias,
        workers);
  }

  // Attention -------------------------------------------------------------------------------------

  @Override
  public void rotateBack(Tensor x, int heads, Rotary rotary, Indices positions) {
    CpuTensor t = (CpuTensor) x;
    int[] at = CpuKernels.tabulated(positions, rotary);
    workers.byRow(
        x.rows(),
        x.columns(),
        r -> CpuKernels.rotateRow(t.data(), t.row(r), heads, (CpuRotary) rotary, at[r], -1));
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
        logits.rows(), columns, r -> CrossEntropy.row(from, r, label[r], scale, loss, to));
  }
}
