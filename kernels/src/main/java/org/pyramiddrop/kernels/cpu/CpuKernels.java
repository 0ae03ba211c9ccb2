package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.CachedSequence;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** The operations on the Vector API, split over cores; each call returns when it is done. */
public final class CpuKernels implements Kernels {
  private final Workers workers;
  private final BlockedProduct product;
  private final Products products;
  private final Attention attention;
  private final QueryAttention queryAttention;
  private final @Nullable CpuGradientKernels gradients;
  private final String title;

  /** Of all weights, by their type. */
  private final Map<DType, Long> weightBytes = new EnumMap<>(DType.class);

  /** Starts {@code threads - 1} threads that help the calling one. */
  public CpuKernels(int threads) {
    this(threads, null);
  }

  /**
   * The same with products by native code, which doesn't train.
   *
   * @param library the native code; null for none
   */
  CpuKernels(int threads, @Nullable NativeLibrary library) {
    workers = new Workers(threads);
    Scratch scratch = new Scratch(threads);
    product = new BlockedProduct(workers, scratch);
    VectorProducts vector = new VectorProducts(workers, product);
    products = library == null ? vector : new NativeProducts(workers, vector, library);
    attention = new Attention(workers, scratch);
    queryAttention = new QueryAttention(workers, scratch);
    gradients = library == null ? new CpuGradientKernels(workers, scratch, product) : null;
    title =
        library == null
            ? "cpu, %d-bit vectors".formatted(vectorBits())
            : "native, " + library.used();
  }

  /** Bits of the vectors in use. */
  public static int vectorBits() {
    return Lanes.FLOATS.vectorBitSize();
  }

  @Override
  public String description() {
    return "%s, %d thread%s".formatted(title, workers.count(), workers.count() == 1 ? "" : "s");
  }

  @Override
  public DType dtype() {
    return DType.FLOAT32;
  }

  @Override
  public Tensor allocate(DType dtype, int rows, int columns) {
    if (dtype != DType.FLOAT32) {
      throw new IllegalArgumentException("the CPU keeps tensors in FLOAT32, not " + dtype);
    }
    return CpuTensor.allocate(rows, columns);
  }

  @Override
  public Weight weight(List<HostMatrix> parts) {
    CpuWeight weight = CpuWeight.of(products.readable(parts));
    DType dtype = weight.dtype();
    long bytes = dtype.bytes(weight.rows(), weight.columns());
    if (weightBytes.merge(dtype, bytes, Long::sum) >= WarmUp.LEAST_BYTES) {
      WarmUp.start(Optional.of(dtype).filter(products::useVectorApi));
    }
    return weight;
  }

  @Override
  public Indices indices(int... values) {
    return CpuIndices.owning(values.clone());
  }

  @Override
  public Rotary rotary(int headSize, double theta, int positions) {
    return new CpuRotary(headSize, theta, positions);
  }

  @Override
  public void upload(float[] values, Tensor out) {
    CpuTensor to = (CpuTensor) out;
    System.arraycopy(values, 0, to.data(), to.offset(), values.length);
  }

  @Override
  public void upload(int[] values, Indices out) {
    CpuIndices to = (CpuIndices) out;
    for (int i = 0; i < values.length; i++) {
      to.set(i, values[i]);
    }
  }

  @Override
  public float[] download(Tensor x) {
    CpuTensor from = (CpuTensor) x;
    return Arrays.copyOfRange(from.data(), from.offset(), from.offset() + from.size());
  }

  @Override
  public int[] download(Indices x) {
    return ((CpuIndices) x).copy();
  }

  @Override
  public void embed(Weight table, Indices ids, Tensor out) {
    CpuWeight from = (CpuWeight) table;
    CpuTensor to = (CpuTensor) out;
    int[] picked = ((CpuIndices) ids).copy();
    for (int id : picked) {
      if (id < 0 || id >= table.rows()) {
        throw new IllegalArgumentException(
            "id %d is outside the table of %d rows".formatted(id, table.rows()));
      }
    }
    for (int i = 0; i < picked.length; i++) {
      from.widen(picked[i], 0, to.columns(), to.data(), to.row(i), 1);
    }
  }

  @Override
  public void copy(Tensor x, Tensor out) {
    CpuTensor from = (CpuTensor) x;
    CpuTensor to = (CpuTensor) out;
    System.arraycopy(from.data(), from.offset(), to.data(), to.offset(), from.size());
  }

  @Override
  public void copyColumns(Tensor x, Tensor out, int firstColumn) {
    CpuTensor from = (CpuTensor) x;
    CpuTensor to = (CpuTensor) out;
    for (int r = 0; r < x.rows(); r++) {
      System.arraycopy(from.data(), from.row(r), to.data(), to.row(r) + firstColumn, x.columns());
    }
  }

  @Override
  public void add(Tensor x, Weight w) {
    CpuTensor to = (CpuTensor) x;
    CpuWeight from = (CpuWeight) w;
    float[] row = new float[x.columns()];
    for (int r = 0; r < x.rows(); r++) {
      from.widen(r, 0, row.length, row, 0, 1);
      int at = to.row(r);
      for (int c = 0; c < row.length; c++) {
        to.data()[at + c] += row[c];
      }
    }
  }

  @Override
  public void patches(Tensor pixels, int channels, int patch, int before, Tensor out) {
    CpuTensor from = (CpuTensor) pixels;
    CpuTensor to = (CpuTensor) out;
    int side = (int) Math.round(Math.sqrt((double) pixels.columns() / channels));
    int across = side / patch;
    int each = before + across * across;
    Arrays.fill(to.data(), to.offset(), to.offset() + to.size(), 0);
    for (int row = 0; row < out.rows(); row++) {
      int square = row % each - before;
      for (int run = 0; square >= 0 && run < channels * patch; run++) {
        int y = square / across * patch + run % patch;
        int at = (run / patch * side + y) * side + square % across * patch;
        System.arraycopy(
            from.data(), from.row(row / each) + at, to.data(), to.row(row) + run * patch, patch);
      }
    }
  }

  @Override
  public void checksums(Tensor x, Indices out) {
    CpuTensor from = (CpuTensor) x;
    CpuIndices to = (CpuIndices) out;
    int part = from.size() / Math.max(1, out.size());
    workers.byRow(
        out.size(),
        part,
        i -> {
          int all = 0;
          int first = from.offset() + i * part;
          for (int at = first; at < first + part; at++) {
            all ^= Float.floatToRawIntBits(from.data()[at]);
          }
          to.set(i, all);
        });
  }

  @Override
  public void gatherRows(Tensor x, Indices rows, Tensor out) {
    CpuTensor from = (CpuTensor) x;
    CpuTensor to = (CpuTensor) out;
    int[] picked = ((CpuIndices) rows).copy();
    for (int row : picked) {
      Objects.checkIndex(row, x.rows());
    }
    for (int i = 0; i < picked.length; i++) {
      System.arraycopy(from.data(), from.row(picked[i]), to.data(), to.row(i), from.columns());
    }
  }

  @Override
  public Indices gather(Indices x, Indices rows) {
    CpuIndices from = (CpuIndices) x;
    return CpuIndices.owning(
        Arrays.stream(((CpuIndices) rows).copy()).map(i -> from.get(i)).toArray());
  }

  @Override
  public void gather(Indices x, Indices rows, Indices out) {
    upload(((CpuIndices) gather(x, rows)).copy(), out);
  }

  @Override
  public void linear(Tensor x, Weight w, @Nullable Weight bias, Activation activation, Tensor out) {
    products.linear((CpuTensor) x, (CpuWeight) w, (CpuWeight) bias, activation, (CpuTensor) out);
  }

  @Override
  public void swiGlu(Tensor x, Weight gateUp, Tensor out) {
    products.swiGlu((CpuTensor) x, (CpuWeight) gateUp, (CpuTensor) out);
  }

  @Override
  public void rmsNorm(Tensor x, Weight w, float epsilon, Tensor out) {
    CpuTensor in = (CpuTensor) x;
    CpuTensor to = (CpuTensor) out;
    CpuWeight v = (CpuWeight) w;
    int columns = x.columns();
    workers.byRow(
        x.rows(),
        x.columns(),
        r ->
            Norms.rms(
                in.data(),
                in.row(r),
                columns,
                v.vector(),
                v.vectorOffset(),
                epsilon,
                to.data(),
                to.row(r)));
  }

  @Override
  public void layerNorm(Tensor x, Weight w, Weight bias, float epsilon, Tensor out) {
    CpuTensor in = (CpuTensor) x;
    CpuTensor to = (CpuTensor) out;
    CpuWeight v = (CpuWeight) w;
    CpuWeight b = (CpuWeight) bias;
    int columns = x.columns();
    workers.byRow(
        x.rows(),
        x.columns(),
        r ->
            Norms.layer(
                in.data(),
                in.row(r),
                columns,
                v.vector(),
                v.vectorOffset(),
                b.vector(),
                b.vectorOffset(),
                epsilon,
                to.data(),
                to.row(r)));
  }

  @Override
  public void rotate(Tensor x, int heads, Rotary rotary, Indices positions) {
    CpuTensor t = (CpuTensor) x;
    int[] at = tabulated(positions, rotary);
    workers.byRow(
        x.rows(),
        x.columns(),
        r -> rotateRow(t.data(), t.row(r), heads, (CpuRotary) rotary, at[r], 1));
  }

  /** Positions, once all of them were found in the table. */
  static int[] tabulated(Indices positions, Rotary rotary) {
    int[] values = ((CpuIndices) positions).copy();
    for (int position : values) {
      if (position < 0 || position >= rotary.tabulated()) {
        throw new IllegalArgumentException(
            "position %d is outside the %d that are tabulated"
                .formatted(position, rotary.tabulated()));
      }
    }
    return values;
  }

  /**
   * Rotates the first heads of one row.
   *
   * @param turn 1 to turn them by the position's angles, -1 to turn them back
   */
  static void rotateRow(float[] x, int at, int heads, CpuRotary rotary, int position, float turn) {
    int half = rotary.headSize() / 2;
    int angle = position * half;
    for (int h = 0; h < heads; h++) {
      int low = at + h * rotary.headSize();
      for (int c = 0; c < half; c++) {
        float cos = rotary.cos()[angle + c];
        float sin = turn * rotary.sin()[angle + c];
        float a = x[low + c];
        float b = x[low + half + c];
        x[low + c] = a * cos - b * sin;
        x[low + half + c] = b * cos + a * sin;
      }
    }
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
    CpuTensor from = (CpuTensor) x;
    CpuTensor k = (CpuTensor) keys;
    CpuTensor v = (CpuTensor) values;
    int columns = keys.columns();
    int[] to = ((CpuIndices) rows).copy();
    for (int row : to) {
      Objects.checkIndex(row, keys.rows());
    }
    int[] turns = rotary == null || positions == null ? new int[0] : tabulated(positions, rotary);
    workers.byRow(
        x.rows(),
        x.columns(),
        r -> {
          int at = from.row(r) + firstColumn;
          System.arraycopy(from.data(), at, k.data(), k.row(to[r]), columns);
          System.arraycopy(from.data(), at + columns, v.data(), v.row(to[r]), columns);
          if (rotary != null) {
            int heads = columns / rotary.headSize();
            rotateRow(k.data(), k.row(to[r]), heads, (CpuRotary) rotary, turns[r], 1);
          }
        });
  }

  @Override
  public void attention(Tensor q, Heads heads, Tensor keys, Tensor values, Mask mask, Tensor out) {
    Attention.VisibleKeys visible = Attention.VisibleKeys.of(mask, q.rows(), keys.rows());
    if (q.rows() <= StreamingProduct.MAX_ROWS) {
      queryAttention.run(
          (CpuTensor) q, heads, (CpuTensor) keys, (CpuTensor) values, visible, (CpuTensor) out);
    } else {
      attention.run(
          (CpuTensor) q, heads, (CpuTensor) keys, (CpuTensor) values, visible, (CpuTensor) out);
    }
  }

  @Override
  public void selfAttention(Tensor qkv, Heads heads, int sequences, Tensor out) {
    int rows = qkv.rows() / sequences;
    int columns = heads.keyValueColumns();
    try (CpuTensor keys = CpuTensor.allocate(rows, columns);
        CpuTensor values = CpuTensor.allocate(rows, columns)) {
      for (int first = 0; first < qkv.rows(); first += rows) {
        CpuTensor own = ((CpuTensor) qkv).rows(first, rows);
        workers.byRow(
            rows,
            2 * columns,
            r -> {
              int at = own.row(r) + heads.queryColumns();
              System.arraycopy(own.data(), at, keys.data(), keys.row(r), columns);
              System.arraycopy(own.data(), at + columns, values.data(), values.row(r), columns);
            });
        attention(own, heads, keys, values, new Mask.Full(), out.rows(first, rows));
      }
    }
  }

  @Override
  public void decodeAttention(
      Tensor qkv, Heads heads, Rotary rotary, List<CachedSequence> sequences, Tensor out) {
    queryAttention.decode((CpuTensor) qkv, heads, (CpuRotary) rotary, sequences, (CpuTensor) out);
  }

  @Override
  public void scoreTokens(Tensor queries, Heads heads, Tensor keys, Tensor out) {
    queryAttention.score((CpuTensor) queries, heads, (CpuTensor) keys, (CpuTensor) out);
  }

  @Override
  public void selectTopK(Tensor scores, int first, int count, int keep, Indices out, int at) {
    CpuTensor s = (CpuTensor) scores;
    int[] places = new int[keep];
    Selection.topK(s.data(), s.offset(), first, count, keep, places, 0);
    upload(places, out.part(at, keep));
  }

  @Override
  public void splitTopK(Tensor scores, Indices places, int keep, Indices out) {
    CpuTensor s = (CpuTensor) scores;
    int[] from = rows(places, scores.columns());
    upload(Selection.split(s.data(), s.offset(), from, keep), out);
  }

  @Override
  public void sortPlaces(Indices x, Indices out) {
    upload(Selection.sortPlaces(((CpuIndices) x).copy()), out);
  }

  @Override
  public void averageHeads(Tensor x, Heads heads, Tensor out) {
    Merging.averageHeads((CpuTensor) x, heads, (CpuTensor) out);
  }

  @Override
  public void nearest(Tensor x, Indices targets, Indices others, Indices out) {
    int[] to = rows(targets, x.rows());
    int[] from = rows(others, x.rows());
    upload(Merging.nearest(workers, (CpuTensor) x, to, from), out);
  }

  @Override
  public void mergeRows(Tensor x, Indices targets, Indices others, Indices into, Tensor out) {
    int[] to = rows(targets, x.rows());
    int[] from = rows(others, x.rows());
    Merging.merge((CpuTensor) x, to, from, rows(into, to.length), (CpuTensor) out);
  }

  /** Row numbers, once all of them were found to be below the number of rows. */
  private static int[] rows(Indices rows, int count) {
    int[] values = ((CpuIndices) rows).copy();
    for (int row : values) {
      Objects.checkIndex(row, count);
    }
    return values;
  }

  @Override
  public void selectDiverse(Tensor x, Indices out) {
    Cosines cosines = Cosines.ofAllPairs(workers, product, (CpuTensor) x);
    upload(GreedySelection.diverse(cosines, out.size()), out);
  }

  @Override
  public void relevance(Tensor x, Tensor text, Tensor out) {
    Cosines.relevance(workers, (CpuTensor) x, (CpuTensor) text, (CpuTensor) out);
  }

  @Override
  public void selectDeterminantal(Tensor x, Tensor relevance, Indices out) {
    Cosines cosines = Cosines.ofAllPairs(workers, product, (CpuTensor) x);
    upload(GreedySelection.determinantal(cosines, download(relevance), out.size()), out);
  }

  @Override
  public void sample(Tensor logits, Indices seen, Tensor controls, Indices out) {
    CpuIndices before = (CpuIndices) seen;
    CpuTensor c = (CpuTensor) controls;
    CpuTensor l = (CpuTensor) logits;
    int token = Sampling.of(c.data(), c.offset()).next(l.data(), l.offset(), before);
    if (token >= 0) {
      before.set(token, 1);
    }
    ((CpuIndices) out).set(0, token);
  }

  /** The work itself, since starting an operation costs nothing here. */
  @Override
  public Recording record(Runnable work) {
    return new Recording() {
      @Override
      public void run() {
        work.run();
      }

      @Override
      public void close() {}
    };
  }

  /** Two rows keep all cores busy, and scratch memory in their caches is worth more. */
  @Override
  public int busyRows() {
    return 1;
  }

  @Override
  public boolean readsHostMatrices() {
    return true;
  }

  @Override
  public boolean replays() {
    return false;
  }

  @Override
  public GradientKernels gradients() {
    if (gradients == null) {
      throw new DeviceException("the native backend doesn't train; use cpu or cuda");
    }
    return gradients;
  }

  @Override
  public void close() {
    workers.close();
  }
}
