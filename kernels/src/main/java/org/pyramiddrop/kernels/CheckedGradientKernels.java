package org.pyramiddrop.kernels;

import org.jspecify.annotations.Nullable;

/**
 * A device's gradients behind their checks, as {@link CheckedKernels} is for its operations: shapes
 * and types that don't fit are refused, every other call is handed on.
 */
final class CheckedGradientKernels implements GradientKernels {
  private final GradientKernels device;
  private final DType dtype;

  /**
   * Checks calls to a device.
   *
   * @param dtype how it stores activations
   */
  CheckedGradientKernels(GradientKernels device, DType dtype) {
    this.device = device;
    this.dtype = dtype;
  }

  private void activations(String what, Tensor x) {
    Shapes.type(what, x, dtype);
  }

  // Parameters ------------------------------------------------------------------------------------

  @Override
  public Parameter parameter(HostMatrix initial) {
    return device.parameter(initial);
  }

  @Override
  public float[] download(Parameter parameter, Parameter.Content content) {
    return device.download(parameter, content);
  }

  @Override
  public void upload(float[] values, Parameter parameter, Parameter.Content content) {
    GradientShapes.upload(values, parameter);
    device.upload(values, parameter, content);
  }

  @Override
  public void clear(Tensor x) {
    device.clear(x);
  }

  @Override
  public double squaredNorm(Tensor x) {
    GradientShapes.squaredNorm(x);
    return device.squaredNorm(x);
  }

  @Override
  public void adamW(Parameter parameter, AdamW settings, float learningRate, float gradientScale) {
    GradientShapes.adamW(settings);
    device.adamW(parameter, settings, learningRate, gradientScale);
  }

  // Sums ------------------------------------------------------------------------------------------

  @Override
  public void addScaled(Tensor x, float factor, Tensor out) {
    GradientShapes.addScaled(x, out);
    device.addScaled(x, factor, out);
  }

  @Override
  public void addColumns(Tensor x, float factor, Tensor out, int firstColumn) {
    GradientShapes.addColumns(x, out, firstColumn);
    device.addColumns(x, factor, out, firstColumn);
  }

  @Override
  public void addFromColumns(Tensor x, int firstColumn, Tensor out) {
    GradientShapes.addFromColumns(x, firstColumn, out);
    activations("x", x);
    activations("out", out);
    device.addFromColumns(x, firstColumn, out);
  }

  @Override
  public void addRows(Tensor x, Indices rows, Tensor out) {
    GradientShapes.addRows(x, rows, out);
    activations("x", x);
    activations("out", out);
    device.addRows(x, rows, out);
  }

  @Override
  public void addToTable(Tensor dy, Indices ids, Tensor gradient) {
    GradientShapes.addToTable(dy, ids, gradient);
    activations("dy", dy);
    device.addToTable(dy, ids, gradient);
  }

  @Override
  public void addGradient(Tensor x, Tensor gradient) {
    GradientShapes.addGradient(x, gradient);
    activations("x", x);
    device.addGradient(x, gradient);
  }

  // Linear layers ---------------------------------------------------------------------------------

  @Override
  public void linearInput(Tensor dy, Weight w, boolean add, Tensor dx) {
    GradientShapes.linearInput(dy, w, dx);
    activations("dy", dy);
    activations("dx", dx);
    device.linearInput(dy, w, add, dx);
  }

  @Override
  public void linearWeight(Tensor x, Tensor dy, Tensor gradient) {
    GradientShapes.linearWeight(x, dy, gradient);
    activations("x", x);
    activations("dy", dy);
    device.linearWeight(x, dy, gradient);
  }

  @Override
  public void linearBias(Tensor dy, Tensor gradient) {
    GradientShapes.linearBias(dy, gradient);
    activations("dy", dy);
    device.linearBias(dy, gradient);
  }

  // Activations -----------------------------------------------------------------------------------

  @Override
  public void siluTimes(Tensor gate, Tensor up, Tensor out) {
    GradientShapes.siluTimes(gate, up, out);
    activations("gate", gate);
    activations("up", up);
    activations("out", out);
    device.siluTimes(gate, up, out);
  }

  @Override
  public void siluTimesGradient(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp) {
    GradientShapes.siluTimesGradient(gate, up, dy, dGate, dUp);
    activations("gate", gate);
    activations("up", up);
    activations("dy", dy);
    activations("dGate", dGate);
    activations("dUp", dUp);
    device.siluTimesGradient(gate, up, dy, dGate, dUp);
  }

  @Override
  public void activate(Tensor x, Activation activation, Tensor out) {
    GradientShapes.activate(x, activation, out);
    activations("x", x);
    activations("out", out);
    device.activate(x, activation, out);
  }

  @Override
  public void activateGradient(Tensor x, Activation activation, Tensor dy, Tensor dx) {
    GradientShapes.activateGradient(x, activation, dy, dx);
    activations("x", x);
    activations("dy", dy);
    activations("dx", dx);
    device.activateGradient(x, activation, dy, dx);
  }

  // Norms -----------------------------------------------------------------------------------------

  @Override
  public void rmsNormGradient(
      Tensor x, Weight w, float epsilon, Tensor dy, Tensor dx, @Nullable Tensor dw) {
    GradientShapes.normGradient(x, w, dy, dx, dw, null);
    activations("x", x);
    activations("dy", dy);
    activations("dx", dx);
    device.rmsNormGradient(x, w, epsilon, dy, dx, dw);
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
    GradientShapes.normGradient(x, w, dy, dx, dw, dBias);
    activations("x", x);
    activations("dy", dy);
    activations("dx", dx);
    device.layerNormGradient(x, w, epsilon, dy, dx, dw, dBias);
  }

  // Attention -------------------------------------------------------------------------------------

  @Override
  public void rotateBack(Tensor x, int heads, Rotary rotary, Indices positions) {
    Shapes.rotate(x, heads, rotary, positions);
    activations("x", x);
    device.rotateBack(x, heads, rotary, positions);
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
    GradientShapes.attentionGradient(q, heads, keys, values, mask, dy, dq, dKeys, dValues);
    activations("q", q);
    activations("keys", keys);
    activations("values", values);
    activations("dy", dy);
    activations("dq", dq);
    activations("dKeys", dKeys);
    activations("dValues", dValues);
    device.attentionGradient(q, heads, keys, values, mask, dy, dq, dKeys, dValues);
  }

  // Loss ------------------------------------------------------------------------------------------

  @Override
  public void crossEntropy(
      Tensor logits, Indices labels, float scale, Tensor losses, Tensor dLogits) {
    GradientShapes.crossEntropy(logits, labels, losses, dLogits);
    activations("dLogits", dLogits);
    device.crossEntropy(logits, labels, scale, losses, dLogits);
  }
}
