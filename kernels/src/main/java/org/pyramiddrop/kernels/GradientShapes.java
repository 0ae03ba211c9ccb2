package org.pyramiddrop.kernels;

import static org.pyramiddrop.kernels.Shapes.atLeast;
import static org.pyramiddrop.kernels.Shapes.equal;
import static org.pyramiddrop.kernels.Shapes.same;
import static org.pyramiddrop.kernels.Shapes.type;
import static org.pyramiddrop.kernels.Shapes.vector;

import org.jspecify.annotations.Nullable;

/**
 * The shapes that each operation of {@link GradientKernels} takes, and the types of what is float32
 * on every device: one method an operation, named alike.
 */
final class GradientShapes {
  private GradientShapes() {}

  /** See {@link GradientKernels#upload}. */
  static void upload(float[] values, Parameter parameter) {
    equal(
        "uploaded numbers",
        values.length,
        "the parameter",
        (long) parameter.rows() * parameter.columns());
  }

  /** See {@link GradientKernels#squaredNorm}. */
  static void squaredNorm(Tensor x) {
    type("x", x, DType.FLOAT32);
  }

  /** See {@link GradientKernels#adamW}. */
  static void adamW(GradientKernels.AdamW settings) {
    atLeast("step", settings.step(), 1);
  }

  /** See {@link GradientKernels#addScaled}. */
  static void addScaled(Tensor x, Tensor out) {
    same("x", x, "out", out);
  }

  /** See {@link GradientKernels#addColumns}. */
  static void addColumns(Tensor x, Tensor out, int firstColumn) {
    Shapes.copyColumns(x, out, firstColumn);
    type("x", x, DType.FLOAT32);
    type("out", out, DType.FLOAT32);
  }

  /** See {@link GradientKernels#addFromColumns}. */
  static void addFromColumns(Tensor x, int firstColumn, Tensor out) {
    Shapes.copyColumns(out, x, firstColumn);
  }

  /** See {@link GradientKernels#addRows}. */
  static void addRows(Tensor x, Indices rows, Tensor out) {
    equal("rows named", rows.size(), "rows of x", x.rows());
    equal("columns of x", x.columns(), "columns of out", out.columns());
  }

  /** See {@link GradientKernels#addToTable}. */
  static void addToTable(Tensor dy, Indices ids, Tensor gradient) {
    equal("ids", ids.size(), "rows of dy", dy.rows());
    equal("columns of dy", dy.columns(), "columns of the gradient", gradient.columns());
    type("gradient", gradient, DType.FLOAT32);
  }

  /** See {@link GradientKernels#addGradient}. */
  static void addGradient(Tensor x, Tensor gradient) {
    same("x", x, "gradient", gradient);
    type("gradient", gradient, DType.FLOAT32);
  }

  /** See {@link GradientKernels#linearInput}. */
  static void linearInput(Tensor dy, Weight w, Tensor dx) {
    equal("rows of dy", dy.rows(), "rows of dx", dx.rows());
    equal("columns of dy", dy.columns(), "rows of w", w.rows());
    equal("columns of w", w.columns(), "columns of dx", dx.columns());
  }

  /** See {@link GradientKernels#linearWeight}. */
  static void linearWeight(Tensor x, Tensor dy, Tensor gradient) {
    equal("rows of x", x.rows(), "rows of dy", dy.rows());
    equal("columns of dy", dy.columns(), "rows of the gradient", gradient.rows());
    equal("columns of x", x.columns(), "columns of the gradient", gradient.columns());
    type("gradient", gradient, DType.FLOAT32);
  }

  /** See {@link GradientKernels#linearBias}. */
  static void linearBias(Tensor dy, Tensor gradient) {
    vectorGradient("gradient", gradient, dy.columns());
  }

  /** See {@link GradientKernels#siluTimes}. */
  static void siluTimes(Tensor gate, Tensor up, Tensor out) {
    same("gate", gate, "up", up);
    same("gate", gate, "out", out);
  }

  /** See {@link GradientKernels#siluTimesGradient}. */
  static void siluTimesGradient(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp) {
    siluTimes(gate, up, dGate);
    same("gate", gate, "dy", dy);
    same("gate", gate, "dUp", dUp);
  }

  /** See {@link GradientKernels#activate}. */
  static void activate(Tensor x, Activation activation, Tensor out) {
    if (activation != Activation.GELU && activation != Activation.QUICK_GELU) {
      throw new IllegalArgumentException(activation + " is no function of an element");
    }
    same("x", x, "out", out);
  }

  /** See {@link GradientKernels#activateGradient}. */
  static void activateGradient(Tensor x, Activation activation, Tensor dy, Tensor dx) {
    activate(x, activation, dx);
    same("x", x, "dy", dy);
  }

  /** See {@link GradientKernels#rmsNormGradient} and {@link GradientKernels#layerNormGradient}. */
  static void normGradient(
      Tensor x, Weight w, Tensor dy, Tensor dx, @Nullable Tensor dw, @Nullable Tensor dBias) {
    same("x", x, "dy", dy);
    same("x", x, "dx", dx);
    vector("w", w, x.columns());
    if (dw != null) {
      vectorGradient("dw", dw, x.columns());
    }
    if (dBias != null) {
      vectorGradient("dBias", dBias, x.columns());
    }
  }

  /** See {@link GradientKernels#attentionGradient}. */
  static void attentionGradient(
      Tensor q,
      Heads heads,
      Tensor keys,
      Tensor values,
      Mask mask,
      Tensor dy,
      Tensor dq,
      Tensor dKeys,
      Tensor dValues) {
    Shapes.attention(q, heads, keys, values, mask, dy);
    equal("columns of q", q.columns(), "query heads", heads.queryColumns());
    same("q", q, "dq", dq);
    same("keys", keys, "dKeys", dKeys);
    same("values", values, "dValues", dValues);
  }

  /** See {@link GradientKernels#crossEntropy}. */
  static void crossEntropy(Tensor logits, Indices labels, Tensor losses, Tensor dLogits) {
    equal("labels", labels.size(), "rows of logits", logits.rows());
    equal("rows of losses", losses.rows(), "rows of logits", logits.rows());
    equal("columns of losses", losses.columns(), "a vector's", 1);
    same("logits", logits, "dLogits", dLogits);
    type("logits", logits, DType.FLOAT32);
    type("losses", losses, DType.FLOAT32);
  }

  private static void vectorGradient(String what, Tensor gradient, int size) {
    equal("rows of " + what, gradient.rows(), "columns that it is summed of", size);
    equal("columns of " + what, gradient.columns(), "a vector's", 1);
    type(what, gradient, DType.FLOAT32);
  }
}
