package org.pyramiddrop.kernels;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The operations the model is written in, on one device.
 *
 * <p>An operation is a function of its inputs alone and writes every element of its output. It may
 * run after the call returns; {@link #download(Tensor)} and its twin wait. Inputs and outputs must
 * not overlap unless an operation says that it works in place. Shapes that don't fit are refused
 * with an {@link IllegalArgumentException} before anything runs: {@link Devices} puts that check
 * before every device, and an implementation only computes. Activations are stored as {@link
 * #dtype} says; sums are always float32. Row numbers, positions and ids that lie on the device and
 * point outside are refused where the device can look at them without waiting (the CPU), and give
 * rows of NaN elsewhere.
 *
 * <p>One thread at a time may use an instance. Closing it frees the device; tensors and weights
 * must be closed before.
 */
public interface Kernels extends AutoCloseable {

  /**
   * The device in words, with what decides its speed: vector width and threads, or the GPU's name.
   */
  String description();

  /** How activations are stored: float32 on the CPU, another device may keep a narrower type. */
  DType dtype();

  // Memory ----------------------------------------------------------------------------------------

  /** Activations whose content is undefined. */
  default Tensor allocate(int rows, int columns) {
    return allocate(dtype(), rows, columns);
  }

  /**
   * A tensor whose content is undefined.
   *
   * @param dtype that of activations, or float32 for scores and logits
   */
  Tensor allocate(DType dtype, int rows, int columns);

  /**
   * Hands matrices to the device, which may convert them to {@link #dtype}, stacked along their
   * rows: query, key and value projections, say, that are then multiplied in one go.
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
   * that angle are exact to float32. A long table begins short: {@link Rotary#cover} is to be
   * called before positions are used.
   *
   * @param positions the most that will be used
   */
  Rotary rotary(int headSize, double theta, int positions);

  /** Copies {@code rows × columns} numbers, row-major, to the device, rounded to its type. */
  void upload(float[] values, Tensor out);

  /** Copies as many numbers as {@code out} has to the device. */
  void upload(int[] values, Indices out);

  /** Waits for the device and copies a whole tensor back, row-major. */
  float[] download(Tensor x);

  /** Waits for the device and copies all numbers back. */
  int[] download(Indices x);

  // Rows
  // --------------------------------------------------------------------------------------------

  /** Rows of an embedding table: {@code out[i] = table[ids[i]]}. */
  void embed(Weight table, Indices ids, Tensor out);

  /** {@code out = x}. */
  void copy(Tensor x, Tensor out);

  /** {@code out[i][firstColumn + c] = x[i][c]}; the other columns of {@code out} stay. */
  void copyColumns(Tensor x, Tensor out, int firstColumn);

  /** {@code x += w}, element by element; the shapes are equal. */
  void add(Tensor x, Weight w);

  /**
   * Cuts pictures into squares, a row each: picture by picture, row by row; in a row channel by
   * channel, as the weights of a convolution are. What is left at the right and at the bottom is
   * left out.
   *
   * @param pixels pictures × channels · side · side, float32
   * @param patch the side of a square
   * @param before how many rows of zeros come before each picture's squares
   * @param out pictures · (before + squares) × at least channels · patch · patch; further columns
   *     become zeros
   */
  void patches(Tensor pixels, int channels, int patch, int before, Tensor out);

  /**
   * Reads all of x and does next to nothing else, so that what memory gives can be measured: {@code
   * out[i]} becomes the exclusive or of the 32-bit words of the i-th of as many equal parts as out
   * has numbers.
   *
   * @param x as it lies in the device's memory; its bytes are a multiple of 16 times out's numbers
   */
  void checksums(Tensor x, Indices out);

  /** {@code out[i] = x[rows[i]]}. */
  void gatherRows(Tensor x, Indices rows, Tensor out);

  /**
   * {@code out[i] = x[rows[i]]} for numbers instead of rows; the result is the caller's to close.
   */
  Indices gather(Indices x, Indices rows);

  /** {@code out[i] = x[rows[i]]} for numbers instead of rows, into indices that are there. */
  void gather(Indices x, Indices rows, Indices out);

  // Layers
  // ------------------------------------------------------------------------------------------

  /**
   * A linear layer: {@code out = activation(x · wᵀ + bias)}.
   *
   * <p>Sums are float32. A device may round x to the type of the weights before, as the {@code
   * native} one does with many rows and bfloat16; the {@code cpu} never does.
   *
   * @param x tokens × inputs
   * @param w outputs × inputs
   * @param bias outputs × 1, or none
   * @param out tokens × outputs, activations or float32
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

  /**
   * A linear layer of a norm: {@code out = rmsNorm(x) · wᵀ + bias}, to the bits of {@link #rmsNorm}
   * and {@link #linear} one after the other.
   *
   * @param x tokens × inputs
   * @param norm inputs × 1
   * @param w outputs × inputs
   * @param bias outputs × 1, or none
   * @param out tokens × outputs, activations or float32
   */
  default void normLinear(
      Tensor x, Weight norm, float epsilon, Weight w, @Nullable Weight bias, Tensor out) {
    try (Tensor normed = allocate(x.rows(), x.columns())) {
      rmsNorm(x, norm, epsilon, normed);
      linear(normed, w, bias, Activation.NONE, out);
    }
  }

  /**
   * The gated half of a feed-forward network behind its norm, to the bits of {@link #rmsNorm} and
   * {@link #swiGlu} one after the other.
   *
   * @param x tokens × inputs
   * @param norm inputs × 1
   * @param gateUp gate stacked on up: 2·hidden × inputs
   * @param out tokens × hidden
   */
  default void normSwiGlu(Tensor x, Weight norm, float epsilon, Weight gateUp, Tensor out) {
    try (Tensor normed = allocate(x.rows(), x.columns())) {
      rmsNorm(x, norm, epsilon, normed);
      swiGlu(normed, gateUp, out);
    }
  }

  /** {@code out = (x - mean) / √(variance + epsilon) ∘ w + bias}, row by row. */
  void layerNorm(Tensor x, Weight w, Weight bias, float epsilon, Tensor out);

  /**
   * Rotates heads in place: in each of the first {@code heads} heads of row {@code i}, channel
   * pairs (c, c + size/2) turn by the angle of {@code positions[i]}. Columns after those heads are
   * left alone.
   *
   * @param positions one a row, each tabulated
   */
  void rotate(Tensor x, int heads, Rotary rotary, Indices positions);

  /**
   * Stores keys and values apart, into rows of a cache; keys are rotated on the way as {@link
   * #rotate} does.
   *
   * @param x tokens × (columns that are not read, then keys, then values)
   * @param firstColumn where the keys begin
   * @param rotary none to store keys as they are, as the vision tower does
   * @param positions one a row where there is a rotary
   * @param rows where each row goes in the cache; no number twice
   * @param keys out: the cache's rows × keys; rows that are not named stay
   * @param values out: the cache's rows × values
   */
  void storeKeyValues(
      Tensor x,
      int firstColumn,
      @Nullable Rotary rotary,
      @Nullable Indices positions,
      Indices rows,
      Tensor keys,
      Tensor values);

  /**
   * Rotates the queries of a fused product in place, as {@link #rotate} does, and stores its keys,
   * rotated, and values, as {@link #storeKeyValues} does.
   *
   * @param qkv tokens × (queries, then keys, then values); the latter two stay as they are
   * @param positions one a row, each inside the table
   * @param rows where each row goes in the cache; no number twice
   * @param keys out: the cache's rows × {@code heads.keyValueColumns()}; rows that are not named
   *     stay
   * @param values out: the same
   */
  default void rotateAndStore(
      Tensor qkv,
      Heads heads,
      Rotary rotary,
      Indices positions,
      Indices rows,
      Tensor keys,
      Tensor values) {
    rotate(qkv, heads.query(), rotary, positions);
    storeKeyValues(qkv, heads.queryColumns(), rotary, positions, rows, keys, values);
  }

  /**
   * Softmax attention, {@code out = softmax(q · kᵀ / √size) · v} head by head, with a running
   * softmax so that no tokens × tokens matrix is held (Dao et al. 2022).
   *
   * <p>A device that computes in bfloat16 may round each weight to it before it meets the values,
   * which is off by up to 2⁻⁸ of the weight; the sum of weights is taken before.
   *
   * @param q tokens × at least {@code heads.queryColumns()}; further columns are not read
   * @param keys sequence × keys; rows that no query sees may hold anything
   * @param values sequence × values; of rows that some query sees, keys and values are finite
   * @param out tokens × {@code heads.queryColumns()}
   */
  void attention(Tensor q, Heads heads, Tensor keys, Tensor values, Mask mask, Tensor out);

  /**
   * {@link #rotateAndStore}, and {@link #attention} of the rotated queries to what each row sees
   * then: its own key and all before it. So a decode step's rows meet their caches.
   *
   * @param qkv tokens × (queries, then keys, then values); its queries may be left rotated or not
   * @param positions one a row, each inside the table
   * @param rows where each row goes in the cache, and the last key that it sees; no row sees
   *     another's own
   * @param keys out: the cache's rows × {@code heads.keyValueColumns()}
   * @param values out: the same
   * @param out tokens × {@code heads.queryColumns()}
   */
  default void storeAndAttend(
      Tensor qkv,
      Heads heads,
      Rotary rotary,
      Indices positions,
      Indices rows,
      Tensor keys,
      Tensor values,
      Tensor out) {
    rotateAndStore(qkv, heads, rotary, positions, rows, keys, values);
    attention(qkv, heads, keys, values, new Mask.UpTo(rows), out);
  }

  /**
   * {@link #attention} among the tokens of each of some sequences of one length, which lie one
   * behind the other: every token sees all of its own sequence.
   *
   * @param qkv tokens × (queries, then keys, then values)
   * @param sequences how many there are
   * @param out tokens × {@code heads.queryColumns()}
   */
  void selfAttention(Tensor qkv, Heads heads, int sequences, Tensor out);

  /**
   * The attention of a decode step: each row is the next token of a sequence of its own, and does
   * what {@link #storeAndAttend} does for it alone.
   *
   * @param qkv sequences × (queries, then keys, then values); what it holds then is undefined
   * @param sequences one a row, none twice; their caches' rows before the new one are there
   * @param out sequences × {@code heads.queryColumns()}
   */
  default void decodeAttention(
      Tensor qkv, Heads heads, Rotary rotary, List<CachedSequence> sequences, Tensor out) {
    for (int i = 0; i < sequences.size(); i++) {
      CachedSequence own = sequences.get(i);
      storeAndAttend(
          qkv.rows(i, 1),
          heads,
          rotary,
          own.position(),
          own.row(),
          own.keys(),
          own.values(),
          out.rows(i, 1));
    }
  }

  // Pruning
  // -----------------------------------------------------------------------------------------

  /**
   * How much attention each key receives, averaged over heads and queries, each of which sees every
   * key: {@code mean_{i,h} softmax(q_{i,h} · k_hᵀ / √size)} in float32. The queries × keys matrix
   * is not written out.
   *
   * <p>With the last instruction token as the one query it is the paper's ranking (PyramidDrop,
   * section 3.2), which cuts the image's span out of it. With a vision tower's class token it is
   * VisionZip's (Yang et al. 2024, which sums over heads: the same order), and with all tokens that
   * of a tower that has no class token.
   *
   * @param queries at least 1 × at least {@code heads.queryColumns()}
   * @param keys the keys they see × keys
   * @param out 1 × keys, float32
   */
  void scoreTokens(Tensor queries, Heads heads, Tensor keys, Tensor out);

  /**
   * The {@code keep} highest of {@code scores[first .. first+count)}: their places in {@code
   * scores}, ascending, written to {@code out[at .. at+keep)}. Equal scores prefer the lower place;
   * NaN ranks lowest.
   *
   * @param scores 1 × tokens, float32
   */
  void selectTopK(Tensor scores, int first, int count, int keep, Indices out, int at);

  /**
   * The {@code keep} of some places that score highest, and the others: {@code out} is {@code
   * places} with the former first, both in the order that they have in {@code places}. Equal scores
   * prefer what comes first there; NaN ranks lowest.
   *
   * @param scores 1 × tokens, float32
   * @param places columns of {@code scores}, no number twice
   * @param out as many numbers as there are places
   */
  void splitTopK(Tensor scores, Indices places, int keep, Indices out);

  /**
   * {@code out[i]} is the place in {@code x} of its i-th smallest number; equal numbers stay in
   * their order.
   */
  void sortPlaces(Indices x, Indices out);

  /**
   * The mean of a token's heads: {@code out[i][c] = mean_h x[i][h·size + c]}.
   *
   * @param x tokens × {@code heads.keyValueColumns()}: keys
   * @param out tokens × {@code heads.size()}, float32
   */
  void averageHeads(Tensor x, Heads heads, Tensor out);

  /**
   * The target whose row is most like that of each other token, by the cosine of the two: {@code
   * out[i]} is its place in {@code targets}. Equal cosines prefer the lower place. The cosine with
   * a row that has no direction, being zero or not finite, ranks lowest.
   *
   * @param x tokens × columns, float32
   * @param targets rows of {@code x}, at least one
   * @param others rows of {@code x}
   * @param out one number for each of {@code others}
   */
  void nearest(Tensor x, Indices targets, Indices others, Indices out);

  /**
   * Merges tokens into others (VisionZip, Yang et al. 2024): {@code out[t]} is {@code
   * x[targets[t]]} plus the mean of all {@code x[others[i]]} with {@code into[i] = t}; the row
   * alone where there are none. Sums are taken in the order of {@code others}.
   *
   * @param into a place in {@code targets} for each of {@code others}
   * @param out targets × columns
   */
  void mergeRows(Tensor x, Indices targets, Indices others, Indices into, Tensor out);

  /**
   * Chooses rows that are far from each other (DivPrune, Alvar et al. 2025), with 1 - cosine for a
   * distance: first the row whose nearest other one is farthest, then again and again the one whose
   * nearest chosen one is farthest.
   *
   * <p>Equal rows have equal distances, and among equals the lower row is preferred. A row without
   * a direction, being zero or not finite, is nobody's neighbour and ranks lowest.
   *
   * @param x tokens × columns
   * @param out the chosen rows, ascending; at most as many as there are
   */
  void selectDiverse(Tensor x, Indices out);

  /**
   * The cosine of each row with the mean of some others, scaled so that the lowest is 0 and the
   * highest 1; all are 1 where they are equal. A row without a direction, being zero or not finite,
   * gets NaN and the others are scaled without it.
   *
   * @param x tokens × columns
   * @param text at least one row × columns: the prompt's embedded text
   * @param out 1 × tokens, float32
   */
  void relevance(Tensor x, Tensor text, Tensor out);

  /**
   * Chooses rows that are relevant and unlike each other (CDPruner, Zhang et al. 2025): again and
   * again the one that makes the determinant of the chosen rows' kernel {@code r_i · cos(i, j) ·
   * r_j} largest, by the incremental Cholesky factorisation of Chen et al. 2018.
   *
   * <p>The determinant is the product of r² and of what is left of each row's own 1 once the rows
   * chosen before it are accounted for; less than 2⁻¹⁶ left counts as 0, which float32 can't tell
   * it from. A determinant of 0 ranks lowest but for NaN, which a row without a direction or with a
   * relevance of NaN has. Among equals the lower row is preferred.
   *
   * @param x tokens × columns
   * @param relevance r: 1 × tokens, float32, not negative
   * @param out the chosen rows, ascending; at most as many as there are
   */
  void selectDeterminantal(Tensor x, Tensor relevance, Indices out);

  // Generation
  // --------------------------------------------------------------------------------------

  /**
   * Chooses the next token. First the logits of seen tokens are penalised in float32: divided by
   * {@code penalty} if positive, multiplied if negative (Keskar et al. 2019). At temperature 0 the
   * choice is the highest of these logits, the lowest id among equals. Otherwise the {@code topK}
   * highest stay, lower ids first among equals, and the token is drawn by their {@code
   * softmax(logits / temperature)} from the smallest set of likeliest ones whose probabilities
   * reach {@code topP} (Holtzman et al. 2020; among equals the lower id is likelier): the first of
   * them, by id, at which their running sum exceeds {@code uniform} times the set's.
   *
   * @param logits 1 × vocabulary, float32; they stay as they are
   * @param seen one number a token of the vocabulary, 0 for those that were not seen; the chosen
   *     token's becomes 1. Others are not read where the penalty is 1
   * @param controls 1 × 5, float32: temperature, topP, uniform in [0, 1), topK, which is a whole
   *     number or 0 for all tokens, and penalty, which is above 0 and 1 for none
   * @param out one number: the token's id, or -1 if a logit is NaN
   */
  void sample(Tensor logits, Indices seen, Tensor controls, Indices out);

  // Recordings
  // --------------------------------------------------------------------------------------

  /**
   * Notes work that is to be run again and again, so that a device can start it as a whole (a CUDA
   * graph). The work runs now, once or twice, later, or each time; where it runs now, only what it
   * launched is repeated, so it must depend on nothing but tensors and indices, all of which
   * outlive the recording. What it allocates it closes. It neither uploads nor downloads nor makes
   * weights, indices or tables.
   */
  Recording record(Runnable work);

  /**
   * Runs work, and notes it as {@link #record} does: the first run starts at once, and what it
   * takes to make a recording passes while the device is at work.
   */
  default Recording runAndRecord(Runnable work) {
    Recording recording = record(work);
    try {
      recording.run();
    } catch (RuntimeException | Error e) {
      recording.close();
      throw e;
    }
    return recording;
  }

  /**
   * How many rows make the device busy: of work that could be split, fewer at a time take as long,
   * and more gain nothing but take memory.
   */
  int busyRows();

  /** Whether running a {@link Recording} costs less than doing its work anew. */
  boolean replays();

  /** Whether a {@link Weight} goes on reading the memory that it was made from. */
  boolean readsHostMatrices();

  // Training
  // ----------------------------------------------------------------------------------------

  /**
   * The gradients of these operations, on the same device; closed with it.
   *
   * @throws DeviceException if the device has none
   */
  GradientKernels gradients();

  /** Frees the device and everything it took for itself. */
  @Override
  void close();
}
