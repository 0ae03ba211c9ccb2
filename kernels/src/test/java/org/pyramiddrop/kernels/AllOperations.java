package org.pyramiddrop.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Runs every operation that computes, once, so that whole runs can be compared bit by bit. */
public final class AllOperations {
  private final DeviceUnderTest device;
  private final Kernels kernels;
  private final Map<String, float[]> results = new LinkedHashMap<>();

  private AllOperations(DeviceUnderTest device) {
    this.device = device;
    this.kernels = device.kernels();
  }

  /**
   * What each operation wrote.
   *
   * @param data names the random data, the same for the same name
   * @param size 1 for sizes of a few blocks, more for larger ones
   */
  public static Map<String, float[]> of(Kernels kernels, String data, int size) {
    AllOperations run =
        new AllOperations(new DeviceUnderTest(kernels, new RandomData(data, kernels.dtype()), 0));
    for (int rows : new int[] {2, 43 * size}) {
      run.products(rows, 70 * size, 190 * size);
      run.rows(rows, 300 * size);
      run.attention(rows, 140 * size);
      run.step(140 * size + rows);
      run.cuts(rows, 90 * size);
    }
    run.device.endCase();
    return run.results;
  }

  private void keep(String what, Output out) {
    results.put("%s, %d rows".formatted(what, out.view().rows()), out.read());
  }

  private void products(int rows, int inputs, int outputs) {
    RandomData random = device.random();
    Tensor x = device.input(random.normal(rows * inputs, 1), inputs);
    for (DType dtype : DType.single()) {
      Weight w = device.weight(dtype, random.weights(dtype, 2 * outputs * inputs, 0.3), inputs);
      Weight bias = device.weight(dtype, random.weights(dtype, 2 * outputs, 1), 1);
      for (Activation activation : Activation.values()) {
        Output out = device.output(random.normal(rows * 2 * outputs, 1), 2 * outputs);
        kernels.linear(x, w, bias, activation, out.view());
        keep(dtype + " " + activation, out);
      }
      Output gated = device.output(rows, outputs);
      kernels.swiGlu(x, w, gated.view());
      keep(dtype + " swiGlu", gated);
      Weight norm = device.weight(dtype, random.weights(dtype, inputs, 1), 1);
      Output linear = device.output(rows, 2 * outputs);
      kernels.normLinear(x, norm, 1e-5f, w, bias, linear.view());
      keep(dtype + " normLinear", linear);
      Output normGated = device.output(rows, outputs);
      kernels.normSwiGlu(x, norm, 1e-5f, w, normGated.view());
      keep(dtype + " normSwiGlu", normGated);
    }
  }

  private void rows(int rows, int columns) {
    RandomData random = device.random();
    Tensor x = device.input(random.normal(rows * columns, 1), columns);
    Weight w = device.weight(DType.FLOAT16, random.weights(DType.FLOAT16, columns, 1), 1);
    Output squares = device.output(2 * (1 + 4), 50);
    Tensor pixels = device.input(DType.FLOAT32, random.normal(2 * 3 * 81, 1), 3 * 81);
    kernels.patches(pixels, 3, 4, 1, squares.view());
    keep("patches beside %d rows".formatted(rows), squares);
    Indices sums = device.indices(new int[1]);
    kernels.checksums(device.input(random.normal(rows * 64, 1), 64), sums);
    keep("checksums, %d rows".formatted(rows), sums);
    Output rms = device.output(rows, columns);
    kernels.rmsNorm(x, w, 1e-5f, rms.view());
    keep("rmsNorm", rms);
    Output layer = device.output(rows, columns);
    kernels.layerNorm(x, w, w, 1e-5f, layer.view());
    keep("layerNorm", layer);
    Rotary rotary = device.owned(kernels.rotary(6, 10_000, 99));
    Indices positions = device.indices(random.below(99, rows));
    Output rotated = device.output(random.normal(rows * columns, 1), columns);
    kernels.rotate(rotated.view(), columns / 6, rotary, positions);
    keep("rotate", rotated);
    Output keys = device.output(rows, columns / 6 * 3);
    Output values = device.output(rows, columns / 6 * 3);
    int width = 7 + columns / 6 * 6;
    Tensor both = device.input(random.normal(rows * width, 1), width);
    Indices at = device.indices(IntStream.range(0, rows).toArray());
    kernels.storeKeyValues(both, 7, rotary, positions, at, keys.view(), values.view());
    keep("keys", keys);
    keep("values", values);
    Heads heads = new Heads(6, 3, 6);
    Output qkv = device.output(random.normal(rows * 72, 1), 72);
    Output k = device.output(rows, 18);
    Output v = device.output(rows, 18);
    kernels.rotateAndStore(qkv.view(), heads, rotary, positions, at, k.view(), v.view());
    keep("fused queries", qkv);
    keep("fused keys", k);
    keep("fused values", v);
  }

  private void step(int room) {
    RandomData random = device.random();
    Heads heads = new Heads(6, 3, 20);
    Rotary rotary = device.owned(kernels.rotary(20, 10_000, 99));
    Output qkv = device.output(random.normal(240, 1), 240);
    Output k = device.output(random.normal(room * 60, 1), 60);
    Output v = device.output(random.normal(room * 60, 1), 60);
    Output out = device.output(1, 120);
    Indices at = device.indices(room - 1);
    Indices position = device.indices(random.below(99, 1));
    kernels.storeAndAttend(qkv.view(), heads, rotary, position, at, k.view(), v.view(), out.view());
    results.put("step behind %d keys".formatted(room), out.read());
    results.put("keys of a step behind %d".formatted(room), k.read());
  }

  private void attention(int rows, int count) {
    RandomData random = device.random();
    Heads heads = new Heads(6, 3, 20);
    Tensor q = device.input(random.normal(rows * 120, 3), 120);
    Tensor k = device.input(random.normal(count * 60, 1), 60);
    Tensor v = device.input(random.normal(count * 60, 1), 60);
    Mask upTo = new Mask.UpTo(device.indices(random.below(count, rows)));
    for (Mask mask : Arrays.asList(new Mask.Full(), new Mask.Causal(), upTo)) {
      Output out = device.output(rows, 120);
      kernels.attention(q, heads, k, v, mask, out.view());
      keep(mask.getClass().getSimpleName(), out);
    }
    Output within = device.output(2 * rows, 120);
    Tensor qkv = device.input(random.normal(2 * rows * 240, 1), 240);
    kernels.selfAttention(qkv, heads, 2, within.view());
    keep("self-attention", within);
    Rotary rotary = device.owned(kernels.rotary(20, 10_000, 99));
    List<CachedSequence> sequences = new ArrayList<>();
    int decoding = Math.min(rows, 5);
    for (int row = 0; row < decoding; row++) {
      Output keys = device.output(random.normal(count * 60, 1), 60);
      Output values = device.output(random.normal(count * 60, 1), 60);
      Indices at = device.indices(random.between(0, count - 1));
      sequences.add(
          new CachedSequence(
              device.indices(random.between(0, 98)), at, keys.view(), values.view()));
    }
    Output decodedQkv = device.output(random.normal(decoding * 240, 1), 240);
    Output decoded = device.output(decoding, 120);
    kernels.decodeAttention(decodedQkv.view(), heads, rotary, sequences, decoded.view());
    keep("decoded", decoded);
    Output scores = device.output(DType.FLOAT32, 1, count);
    kernels.scoreTokens(q.rows(rows - 1, 1), heads, k, scores.view());
    results.put("scores beside %d rows".formatted(rows), scores.read());
  }

  private void cuts(int rows, int columns) {
    RandomData random = device.random();
    Heads heads = new Heads(6, 3, 20);
    Tensor queries = device.input(random.normal(rows * 120, 3), 120);
    Tensor keys = device.input(random.normal(rows * 60, 1), 60);
    Output scores = device.output(DType.FLOAT32, 1, rows);
    kernels.scoreTokens(queries, heads, keys, scores.view());
    results.put("attention received, %d rows".formatted(rows), scores.read());
    Output means = device.output(DType.FLOAT32, rows, 20);
    kernels.averageHeads(keys, heads, means.view());
    keep("mean keys", means);
    Indices all = device.indices(IntStream.range(0, rows).toArray());
    Indices split = device.indices(new int[rows]);
    kernels.splitTopK(scores.view(), all, 1, split);
    Indices into = device.indices(new int[rows - 1]);
    Indices target = split.part(0, 1);
    Indices others = split.part(1, rows - 1);
    kernels.nearest(means.view(), target, others, into);
    Tensor x = device.input(random.normal(rows * columns, 1), columns);
    Output merged = device.output(1, columns);
    kernels.mergeRows(x, target, others, into, merged.view());
    results.put("merged, %d rows".formatted(rows), merged.read());
    Output relevance = device.output(DType.FLOAT32, 1, rows);
    kernels.relevance(x, merged.view(), relevance.view());
    results.put("relevance, %d rows".formatted(rows), relevance.read());
    Indices chosen = device.indices(new int[(rows + 1) / 2]);
    kernels.selectDiverse(x, chosen);
    keep("diverse, %d rows".formatted(rows), chosen);
    kernels.selectDeterminantal(x, relevance.view(), chosen);
    keep("determinantal, %d rows".formatted(rows), chosen);
    kernels.sortPlaces(split, all);
    keep("places, %d rows".formatted(rows), all);
  }

  private void keep(String what, Indices numbers) {
    int[] read = kernels.download(numbers);
    float[] values = new float[read.length];
    for (int i = 0; i < read.length; i++) {
      values[i] = read[i];
    }
    results.put(what, values);
  }
}
