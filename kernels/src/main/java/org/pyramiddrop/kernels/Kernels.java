package org.pyramiddrop.kernels;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The operations the model is written in, on one device.
 *
 * <p>An operation is a function of its inputs alone and writes every element of its output. It may
 * run after the call returns; {@link #download(Tensor)} and its twin wait. Inputs and outputs must
 * not overlap unless an operation says that it works in place. Shapes that don't fit are refused
 * with an {@link IllegalArgumentException} before anything runs. Activations are float32 on the
 * CPU; another device may keep them in a narrower type, but sums are always float32.
 *
 * <p>One thread at a time may use an instance. Closing it frees the device; tensors and weights
 * must be closed before.
 */
public interface Kernels extends AutoCloseable {

  /**
   * The device in words, with what decides its speed: vector width and threads, or the GPU's name.
   */
  String description();

  // Memory ----------------------------------------------------------------------------------------

  /** A tensor whose content is undefined. */
  Tensor allocate(int rows, int columns);

  /**
   * Hands matrices to the device, stacked along their rows: query, key and value projections, say,
   * that are then multiplied in one go.
   *
   * @throws IllegalArgumentException if the matrices differ in columns or dtype, or if there are
   *     none
   */
  Weight weight(List<HostMatrix> parts);

  /** A copy of row numbers or positions. */
  Indices indices(int... values);

  /**
   * Tabulates cos and sin of {@code position · theta^(-2i/headSize)} in float32 ("RoFormer", Su et
   * al. 2021; halves of a head rotate against each other as in LLaMA). The power, its reciprocal
   * and the angle are each rounded to float32, as in the reference implementation; cos and sin of
   * that angle are exact to float32.
   */
  Rotary rotary(int headSize, double theta, int positions);

  /** Copies {@code rows × columns} numbers, row-major, to the device. */
  void upload(float[] values, Tensor out);

  /** Waits for the device and copies a whole tensor back, row-major. */
  float[] download(Tensor x);

  /** Waits for the device and copies all numbers back. */
  int[] download(Indices x);

  // Rows
  // --------------------------------------------------------------------------------------------

  /**
   * Rows of an embedding table: {@code out[i] = table[ids[i]]}.
   *
   * @throws IllegalArgumentException if an id is outside the table
   */
  void embed(Weight table, int[] ids, Tensor out);

  /** {@code out = x}. */
  void copy(Tensor x, Tensor out);

  /** {@code x += w}, element by element; the shapes are equal. */
  void add(Tensor x, Weight w);

  /** {@code out[i] = x[rows[i]]}. */
  void gatherRows(Tensor x, Indices rows, Tensor out);

  /**
   * {@code out[i] = x[rows[i]]} for numbers instead of rows; the result is the caller's to close.
   */
  Indices gather(Indices x, Indices rows);

  // Layers
  // ------------------------------------------------------------------------------------------

  /**
   * A linear layer: {@code out = activation(x · wᵀ + bias)}.
   *
   * @param x tokens × inputs
   * @param w outputs × inputs
   * @param bias outputs × 1, or none
   * @param out tokens × outputs
   */
  void linear(Tensor x, Weight w, @Nullable Weight bias, Activation activation, Tensor out);

  /**
   * The gated half of LLaMA's feed-forward network: {@code out = silu(x · gateᵀ) ∘ (x · upᵀ)}.
   *
   * @param x tokens × inputs
   * @param gateUp gate stacked on up: 2·hidden × inputs
   * @param out tokens × hidden
   */
  void swiGlu(Tensor x, Weight gateUp, Tensor out);

  /** {@code out = x / √(mean(x²) + epsilon) ∘ w}, row by row (Zhang and Sennrich 2019). */
  void rmsNorm(Tensor x, Weight w, float epsilon, Tensor out);

  /** {@code out = (x - mean) / √(variance + epsilon) ∘ w + bias}, row by row. */
  void layerNorm(Tensor x, Weight w, Weight bias, float epsilon, Tensor out);

  /**
   * Rotates heads in place: in each of the first {@code heads} heads of row {@code i}, channel
   * pairs (c, c + size/2) turn by the angle of {@code positions[i]}. Columns after those heads are
   * left alone.
   *
   * @param positions one a row, each inside the table
   */
  void rotate(Tensor x, int heads, Rotary rotary, Indices positions);

  /**
   * Stores keys and values apart, into the rows of a cache; keys are rotated on the way as {@link
   * #rotate} does.
   *
   * @param x tokens × (columns that are not read, then keys, then values)
   * @param firstColumn where the keys begin
   * @param rotary none to store keys as they are, as the vision tower does
   * @param positions one a row where there is a rotary
   * @param keys out: tokens × keys; usually rows of a cache
   * @param values out: tokens × values
   */
  void storeKeyValues(
      Tensor x,
      int firstColumn,
      @Nullable Rotary rotary,
      @Nullable Indices positions,
      Tensor keys,
      Tensor values);

  /**
   * Softmax attention, {@code out = softmax(q · kᵀ / √size) · v} head by head, with a running
   * softmax so that no tokens × tokens matrix is held (Dao et al. 2022).
   *
   * @param q tokens × at least {@code heads.queryColumns()}; further columns are not read
   * @param keys sequence × keys
   * @param values sequence × values; keys and values are finite, also where a row does not see them
   * @param out tokens × {@code heads.queryColumns()}
   */
  void attention(Tensor q, Heads heads, Tensor keys, Tensor values, Mask mask, Tensor out);

  // Pruning
  // -----------------------------------------------------------------------------------------

  /**
   * How much one query attends to each key, averaged over heads: {@code mean_h softmax(q_h · k_hᵀ /
   * √size)} in float32. The paper's ranking (PyramidDrop, section 3.2) cuts the image's span out of
   * it.
   *
   * @param query 1 × at least {@code heads.queryColumns()}: the last instruction token
   * @param keys the keys it may see × keys
   * @param out 1 × keys
   */
  void scoreTokens(Tensor query, Heads heads, Tensor keys, Tensor out);

  /**
   * The {@code keep} highest of {@code scores[first .. first+count)}: their places in {@code
   * scores}, ascending, written to {@code out[at .. at+keep)}. Equal scores prefer the lower place;
   * NaN ranks lowest.
   *
   * @param scores 1 × tokens
   */
  void selectTopK(Tensor scores, int first, int count, int keep, Indices out, int at);

  /** Frees the device and everything it took for itself. */
  @Override
  void close();
}
