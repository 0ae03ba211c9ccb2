package org.pyramiddrop.kernels;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A device behind its checks: refuses shapes and types that don't fit, and hands every other call
 * on. {@link Devices} puts one before each device, so that a device only computes. What can only be
 * seen in device memory, such as a row number, is the device's to refuse.
 */
final class CheckedKernels implements Kernels {
  private final Kernels device;

  /** Checks calls to a device, and closes it. */
  CheckedKernels(Kernels device) {
    this.device = device;
  }

  /** Refuses a tensor that doesn't hold the device's activations. */
  private void activations(String what, Tensor x) {
    Shapes.type(what, x, device.dtype());
  }

  @Override
  public String description() {
    return device.description();
  }

  @Override
  public DType dtype() {
    return device.dtype();
  }

  // Memory ----------------------------------------------------------------------------------------

  @Override
  public Tensor allocate(DType dtype, int rows, int columns) {
    return device.allocate(dtype, rows, columns);
  }

  @Override
  public Weight weight(List<HostMatrix> parts) {
    Shapes.weight(parts);
    return device.weight(parts);
  }

  @Override
  public Indices indices(int... values) {
    return device.indices(values);
  }

  @Override
  public Rotary rotary(int headSize, double theta, int positions) {
    return device.rotary(headSize, theta, positions);
  }

  @Override
  public void upload(float[] values, Tensor out) {
    Shapes.upload(values, out);
    device.upload(values, out);
  }

  @Override
  public void upload(int[] values, Indices out) {
    Shapes.upload(values, out);
    device.upload(values, out);
  }

  @Override
  public float[] download(Tensor x) {
    return device.download(x);
  }

  @Override
  public int[] download(Indices x) {
    return device.download(x);
  }

  // Rows ------------------------------------------------------------------------------------------

  @Override
  public void embed(Weight table, Indices ids, Tensor out) {
    Shapes.embed(table, ids, out);
    activations("out", out);
    device.embed(table, ids, out);
  }

  @Override
  public void copy(Tensor x, Tensor out) {
    Shapes.copy(x, out);
    device.copy(x, out);
  }

  @Override
  public void copyColumns(Tensor x, Tensor out, int firstColumn) {
    Shapes.copyColumns(x, out, firstColumn);
    activations("x", x);
    activations("out", out);
    device.copyColumns(x, out, firstColumn);
  }

  @Override
  public void add(Tensor x, Weight w) {
    Shapes.add(x, w);
    activations("x", x);
    device.add(x, w);
  }

  @Override
  public void patches(Tensor pixels, int channels, int patch, int before, Tensor out) {
    Shapes.patches(pixels, channels, patch, before, out);
    Shapes.type("pixels", pixels, DType.FLOAT32);
    activations("out", out);
    device.patches(pixels, channels, patch, before, out);
  }

  @Override
  public void checksums(Tensor x, Indices out) {
    Shapes.checksums(x, out);
    device.checksums(x, out);
  }

  @Override
  public void gatherRows(Tensor x, Indices rows, Tensor out) {
    Shapes.gatherRows(x, rows, out);
    activations("x", x);
    activations("out", out);
    device.gatherRows(x, rows, out);
  }

  @Override
  public Indices gather(Indices x, Indices rows) {
    return device.gather(x, rows);
  }

  @Override
  public void gather(Indices x, Indices rows, Indices out) {
    Shapes.gather(rows, out);
    device.gather(x, rows, out);
  }

  // Layers ----------------------------------------------------------------------------------------

  @Override
  public void linear(Tensor x, Weight w, @Nullable Weight bias, Activation activation, Tensor out) {
    Shapes.linear(x, w, bias, out);
    activations("x", x);
    device.linear(x, w, bias, activation, out);
  }

  @Override
  public void swiGlu(Tensor x, Weight gateUp, Tensor out) {
    Shapes.swiGlu(x, gateUp, out);
    activations("x", x);
    activations("out", out);
    device.swiGlu(x, gateUp, out);
  }

  @Override
  public void rmsNorm(Tensor x, Weight w, float epsilon, Tensor out) {
    Shapes.norm(x, w, null, out);
    activations("x", x);
    activations("out", out);
    device.rmsNorm(x, w, epsilon, out);
  }

  @Override
  public void normLinear(
      Tensor x, Weight norm, float epsilon, Weight w, @Nullable Weight bias, Tensor out) {
    Shapes.normLinear(x, norm, w, bias, out);
    activations("x", x);
    device.normLinear(x, norm, epsilon, w, bias, out);
  }

  @Override
  public void normSwiGlu(Tensor x, Weight norm, float epsilon, Weight gateUp, Tensor out) {
    Shapes.normSwiGlu(x, norm, gateUp, out);
    activations("x", x);
    activations("out", out);
    device.normSwiGlu(x, norm, epsilon, gateUp, out);
  }

  @Override
  public void layerNorm(Tensor x, Weight w, Weight bias, float epsilon, Tensor out) {
    Shapes.norm(x, w, bias, out);
    activations("x", x);
    activations("out", out);
    device.layerNorm(x, w, bias, epsilon, out);
  }

  @Override
  public void rotate(Tensor x, int heads, Rotary rotary, Indices positions) {
    Shapes.rotate(x, heads, rotary, positions);
    activations("x", x);
    device.rotate(x, heads, rotary, positions);
  }

  @Override
  public void storeKeyValues(
      Tensor x,
      int firstColumn,
      @Nullable Rotary rotary,
      @Nullable Indices positions,
      Indices rows,
      Tensor keys,
      Tensor values) {
    Shapes.storeKeyValues(x, firstColumn, rotary, positions, rows, keys, values);
    activations("x", x);
    activations("keys", keys);
    activations("values", values);
    device.storeKeyValues(x, firstColumn, rotary, positions, rows, keys, values);
  }

  @Override
  public void rotateAndStore(
      Tensor qkv,
      Heads heads,
      Rotary rotary,
      Indices positions,
      Indices rows,
      Tensor keys,
      Tensor values) {
    Shapes.rotateAndStore(qkv, heads, rotary, positions, rows, keys, values);
    activations("qkv", qkv);
    activations("keys", keys);
    activations("values", values);
    device.rotateAndStore(qkv, heads, rotary, positions, rows, keys, values);
  }

  @Override
  public void attention(Tensor q, Heads heads, Tensor keys, Tensor values, Mask mask, Tensor out) {
    Shapes.attention(q, heads, keys, values, mask, out);
    activations("q", q);
    activations("keys", keys);
    activations("values", values);
    activations("out", out);
    device.attention(q, heads, keys, values, mask, out);
  }

  @Override
  public void storeAndAttend(
      Tensor qkv,
      Heads heads,
      Rotary rotary,
      Indices positions,
      Indices rows,
      Tensor keys,
      Tensor values,
      Tensor out) {
    Shapes.rotateAndStore(qkv, heads, rotary, positions, rows, keys, values);
    Shapes.attention(qkv, heads, keys, values, new Mask.UpTo(rows), out);
    activations("qkv", qkv);
    activations("keys", keys);
    activations("values", values);
    activations("out", out);
    device.storeAndAttend(qkv, heads, rotary, positions, rows, keys, values, out);
  }

  @Override
  public void selfAttention(Tensor qkv, Heads heads, int sequences, Tensor out) {
    Shapes.selfAttention(qkv, heads, sequences, out);
    activations("qkv", qkv);
    activations("out", out);
    device.selfAttention(qkv, heads, sequences, out);
  }

  @Override
  public void decodeAttention(
      Tensor qkv, Heads heads, Rotary rotary, List<CachedSequence> sequences, Tensor out) {
    Shapes.decodeAttention(qkv, heads, rotary, sequences, out);
    activations("qkv", qkv);
    activations("out", out);
    for (CachedSequence sequence : sequences) {
      activations("keys", sequence.keys());
      activations("values", sequence.values());
    }
    device.decodeAttention(qkv, heads, rotary, sequences, out);
  }

  // Pruning and generation ------------------------------------------------------------------------

  @Override
  public void scoreTokens(Tensor queries, Heads heads, Tensor keys, Tensor out) {
    Shapes.scoreTokens(queries, heads, keys, out);
    activations("queries", queries);
    activations("keys", keys);
    device.scoreTokens(queries, heads, keys, out);
  }

  @Override
  public void selectTopK(Tensor scores, int first, int count, int keep, Indices out, int at) {
    Shapes.selectTopK(scores, first, count, keep, out, at);
    device.selectTopK(scores, first, count, keep, out, at);
  }

  @Override
  public void splitTopK(Tensor scores, Indices places, int keep, Indices out) {
    Shapes.splitTopK(scores, places, keep, out);
    device.splitTopK(scores, places, keep, out);
  }

  @Override
  public void sortPlaces(Indices x, Indices out) {
    Shapes.gather(x, out);
    device.sortPlaces(x, out);
  }

  @Override
  public void averageHeads(Tensor x, Heads heads, Tensor out) {
    Shapes.averageHeads(x, heads, out);
    activations("x", x);
    device.averageHeads(x, heads, out);
  }

  @Override
  public void nearest(Tensor x, Indices targets, Indices others, Indices out) {
    Shapes.nearest(x, targets, others, out);
    device.nearest(x, targets, others, out);
  }

  @Override
  public void mergeRows(Tensor x, Indices targets, Indices others, Indices into, Tensor out) {
    Shapes.mergeRows(x, targets, others, into, out);
    activations("x", x);
    activations("out", out);
    device.mergeRows(x, targets, others, into, out);
  }

  @Override
  public void selectDiverse(Tensor x, Indices out) {
    Shapes.atMost("chosen rows", out.size(), x.rows());
    activations("x", x);
    device.selectDiverse(x, out);
  }

  @Override
  public void relevance(Tensor x, Tensor text, Tensor out) {
    Shapes.relevance(x, text, out);
    activations("x", x);
    activations("text", text);
    device.relevance(x, text, out);
  }

  @Override
  public void selectDeterminantal(Tensor x, Tensor relevance, Indices out) {
    Shapes.selectDeterminantal(x, relevance, out);
    activations("x", x);
    device.selectDeterminantal(x, relevance, out);
  }

  @Override
  public void sample(Tensor logits, Indices seen, Tensor controls, Indices out) {
    Shapes.sample(logits, seen, controls, out);
    device.sample(logits, seen, controls, out);
  }

  // Recordings ------------------------------------------------------------------------------------

  @Override
  public Recording record(Runnable work) {
    return device.record(work);
  }

  @Override
  public Recording runAndRecord(Runnable work) {
    return device.runAndRecord(work);
  }

  @Override
  public int busyRows() {
    return device.busyRows();
  }

  @Override
  public boolean replays() {
    return device.replays();
  }

  @Override
  public boolean readsHostMatrices() {
    return device.readsHostMatrices();
  }

  @Override
  public GradientKernels gradients() {
    return new CheckedGradientKernels(device.gradients(), device.dtype());
  }

  @Override
  public void close() {
    device.close();
  }
}
