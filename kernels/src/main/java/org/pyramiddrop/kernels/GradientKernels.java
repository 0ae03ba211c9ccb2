package org.pyramiddrop.kernels;

import org.jspecify.annotations.Nullable;

/**
 * What training needs of a device beside {@link Kernels}, whose rules hold here too: the gradients
 * of its operations, and the optimiser. {@link Kernels#gradients} has a device's.
 *
 * <p>A gradient is that of a scalar loss. Gradients of activations have the type of activations;
 * those of weights are float32. "Adds" means that what an output held stays in the sum; all other
 * outputs are overwritten. Every sum has an order of its own that depends on shapes alone: the same
 * call gives the same bits, whatever the number of threads.
 */
public interface GradientKernels {

  // Parameters ------------------------------------------------------------------------------------

  /**
   * A parameter that begins as this matrix, widened to float32, with a gradient and moments of
   * zeros.
   */
  Parameter parameter(HostMatrix initial);

  /** Waits for the device and copies one of a parameter's matrices back, row-major. */
  float[] download(Parameter parameter, Parameter.Content content);

  /** Overwrites one of a parameter's matrices with as many numbers, row-major. */
  void upload(float[] values, Parameter parameter, Parameter.Content content);

  /** {@code x = 0}. */
  void clear(Tensor x);

  /**
   * Waits for the device and returns the sum of squares, summed up in float64.
   *
   * @param x float32
   */
  double squaredNorm(Tensor x);

  /**
   * One step of AdamW (Loshchilov and Hutter 2019) in the form that PyTorch has: with {@code g =
   * gradientScale · gradient}, first {@code value *= 1 - learningRate · weightDecay}, then the
   * moments {@code m = β₁ m + (1 - β₁) g} and {@code v = β₂ v + (1 - β₂) g²}, then {@code value -=
   * learningRate / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + epsilon)}. The gradient stays as it is.
   *
   * @param gradientScale what clipping multiplies gradients by
   */
  void adamW(Parameter parameter, AdamW settings, float learningRate, float gradientScale);

  /**
   * AdamW's settings for one step.
   *
   * @param beta1 decay of the mean of gradients
   * @param beta2 decay of the mean of squared gradients
   * @param epsilon what is added to the root of the second moment
   * @param weightDecay share of the value that a step takes away, times the learning rate
   * @param step t, from 1
   */
  record AdamW(float beta1, float beta2, float epsilon, float weightDecay, int step) {}

  // Sums ------------------------------------------------------------------------------------------

  /** {@code out += factor · x}, element by element; types may differ. */
  void addScaled(Tensor x, float factor, Tensor out);

  /**
   * {@code out[r][firstColumn + c] += factor · x[r][c]}; the other columns of {@code out} stay.
   *
   * @param x float32, as {@link Kernels#scoreTokens} writes it
   * @param out as many rows, float32
   */
  void addColumns(Tensor x, float factor, Tensor out, int firstColumn);

  /**
   * {@code out[r][c] += x[r][firstColumn + c]} for all columns of {@code out}: the gradient of
   * {@link Kernels#copyColumns}.
   *
   * @param x as many rows, at least {@code firstColumn + out.columns()} columns
   */
  void addFromColumns(Tensor x, int firstColumn, Tensor out);

  /** {@code out[rows[i]] += x[i]}; no row twice. The gradient of {@link Kernels#gatherRows}. */
  void addRows(Tensor x, Indices rows, Tensor out);

  /**
   * {@code gradient[ids[i]] += dy[i]}, ids as often as they come, in the order of {@code i}: the
   * gradient of {@link Kernels#embed}'s table.
   *
   * @param dy tokens × columns
   * @param gradient table rows × columns, float32
   */
  void addToTable(Tensor dy, Indices ids, Tensor gradient);

  /** {@code gradient += x}, for what {@link Kernels#add} adds; {@code gradient} is float32. */
  default void addGradient(Tensor x, Tensor gradient) {
    addScaled(x, 1, gradient);
  }

  // Linear layers ---------------------------------------------------------------------------------

  /**
   * The gradient of a linear layer's input: {@code dx = dy · w}, or {@code dx += dy · w}.
   *
   * @param dy tokens × outputs
   * @param w outputs × inputs
   * @param add whether it adds
   * @param dx tokens × inputs
   */
  void linearInput(Tensor dy, Weight w, boolean add, Tensor dx);

  /**
   * Adds the gradient of a linear layer's weight: {@code gradient += dyᵀ · x}.
   *
   * @param x tokens × inputs
   * @param dy tokens × outputs
   * @param gradient outputs × inputs, float32
   */
  void linearWeight(Tensor x, Tensor dy, Tensor gradient);

  /**
   * Adds the gradient of a linear layer's bias: the sums of {@code dy}'s columns.
   *
   * @param dy tokens × outputs
   * @param gradient outputs × 1, float32
   */
  void linearBias(Tensor dy, Tensor gradient);

  // Activations -----------------------------------------------------------------------------------

  /** {@code out = silu(gate) ∘ up}; all three have one shape. */
  void siluTimes(Tensor gate, Tensor up, Tensor out);

  /**
   * The gradients of {@link #siluTimes}.
   *
   * @param dy of its output
   * @param dGate out; may be {@code gate} itself
   * @param dUp out; may be {@code up} itself
   */
  void siluTimesGradient(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp);

  /**
   * {@code out = activation(x)}, element by element.
   *
   * @param activation {@link Activation#GELU} or {@link Activation#QUICK_GELU}
   */
  void activate(Tensor x, Activation activation, Tensor out);

  /**
   * The gradient of {@link #activate}'s input.
   *
   * @param x the input
   * @param dx out; may be {@code dy} itself
   */
  void activateGradient(Tensor x, Activation activation, Tensor dy, Tensor dx);

  // Norms -----------------------------------------------------------------------------------------

  /**
   * The gradients of {@link Kernels#rmsNorm}.
   *
   * @param x the norm's input
   * @param dy of its output
   * @param dx adds the input's, as the way round the norm adds its own
   * @param dw adds the weight's, columns × 1, float32; null if nobody asks
   */
  void rmsNormGradient(
      Tensor x, Weight w, float epsilon, Tensor dy, Tensor dx, @Nullable Tensor dw);

  /**
   * The gradients of {@link Kernels#layerNorm}.
   *
   * @param x the norm's input
   * @param dy of its output
   * @param dx adds the input's
   * @param dw adds the weight's, columns × 1, float32; null if nobody asks
   * @param dBias adds the bias's, likewise
   */
  void layerNormGradient(
      Tensor x,
      Weight w,
      float epsilon,
      Tensor dy,
      Tensor dx,
      @Nullable Tensor dw,
      @Nullable Tensor dBias);

  // Attention -------------------------------------------------------------------------------------

  /** Turns heads back by the angles that {@link Kernels#rotate} turns them by, in place. */
  void rotateBack(Tensor x, int heads, Rotary rotary, Indices positions);

  /**
   * The gradients of {@link Kernels#attention}.
   *
   * @param q tokens × {@code heads.queryColumns()}, as attention read it
   * @param keys sequence × {@code heads.keyValueColumns()}
   * @param values the same
   * @param dy of attention's output, tokens × {@code heads.queryColumns()}
   * @param dq out: as {@code q}
   * @param dKeys out: as {@code keys}; rows that no query sees get 0
   * @param dValues out: as {@code values}, likewise
   */
  void attentionGradient(
      Tensor q,
      Heads heads,
      Tensor keys,
      Tensor values,
      Mask mask,
      Tensor dy,
      Tensor dq,
      Tensor dKeys,
      Tensor dValues);

  // Loss ------------------------------------------------------------------------------------------

  /** The label of a row that has none: its loss and its gradient are 0. */
  int IGNORED = -1;

  /**
   * Cross entropy of each row, {@code -log softmax(logits)[label]}, and the gradient of {@code
   * scale} times the sum of them all.
   *
   * @param logits tokens × vocabulary, float32
   * @param labels one a row: a column, or {@link #IGNORED}
   * @param losses out: tokens × 1, float32
   * @param dLogits out: tokens × vocabulary, activations
   */
  void crossEntropy(Tensor logits, Indices labels, float scale, Tensor losses, Tensor dLogits);
}
