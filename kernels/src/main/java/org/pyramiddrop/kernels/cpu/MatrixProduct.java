package org.pyramiddrop.kernels.cpu;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;

/**
 * Prefill's products, many rows at a time: packed and blocked for the caches (Goto and van de Geijn
 * 2008).
 *
 * <p>Rows are packed once, tile by tile. Each task owns some output columns: it widens a run of
 * inputs of those weight rows into panels, multiplies them with all row tiles, and goes on to the
 * next run, so a weight is read and widened once. The panel in use stays in the first-level cache,
 * a block of row tiles in the second.
 */
final class MatrixProduct {
  /** Inputs of a run: a panel of them is 16 KiB at 256 bits. */
  private static final int RUN = 256;

  /** Row tiles that stay in the second-level cache while the panels of a task pass over them. */
  private static final int BLOCK = 240 / MicroTile.ROWS;

  /** Panels of a task. */
  private static final int PANELS = 8;

  private final Workers workers;
  private final Scratch scratch;

  MatrixProduct(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  /** {@code out = activation(x · wᵀ + bias)}. */
  void linear(
      CpuTensor x, CpuWeight w, @Nullable CpuWeight bias, Activation activation, CpuTensor out) {
    float[] left = pack(x);
    float[] c = out.data();
    int n = out.columns();
    int panels = ceilDiv(n, MicroTile.COLUMNS);
    int each = panelsPerTask(panels);
    workers.run(
        ceilDiv(panels, each),
        (task, worker) -> {
          int from = task * each * MicroTile.COLUMNS;
          int columns = Math.min(each * MicroTile.COLUMNS, n - from);
          Panels rows = new Panels(w, from, MicroTile.COLUMNS, from + Lanes.COUNT, from + columns);
          boolean add = activation == Activation.ADD;
          sums(left, x.rows(), rows, columns, worker, c, out.offset() + from, n, add);
          for (int r = 0; r < x.rows(); r++) {
            Epilogue.apply(
                activation,
                bias == null ? null : bias.vector(),
                bias == null ? 0 : bias.vectorOffset() + from,
                c,
                out.row(r) + from,
                columns);
          }
        });
  }

  /** {@code out = silu(x · gateᵀ) ∘ (x · upᵀ)}; a panel is half gate rows, half up rows. */
  void swiGlu(CpuTensor x, CpuWeight gateUp, CpuTensor out) {
    float[] left = pack(x);
    int n = out.columns();
    int panels = ceilDiv(n, Lanes.COUNT);
    int each = panelsPerTask(panels);
    int stride = each * MicroTile.COLUMNS;
    float[][] gated = new float[workers.count()][];
    workers.run(
        ceilDiv(panels, each),
        (task, worker) -> {
          if (gated[worker] == null) {
            gated[worker] = new float[x.rows() * stride];
          }
          float[] sums = gated[worker];
          int from = task * each * Lanes.COUNT;
          int columns = Math.min(each * Lanes.COUNT, n - from);
          int width = ceilDiv(columns, Lanes.COUNT) * MicroTile.COLUMNS;
          Panels rows = new Panels(gateUp, from, Lanes.COUNT, n + from, from + columns);
          sums(left, x.rows(), rows, width, worker, sums, 0, stride, false);
          for (int r = 0; r < x.rows(); r++) {
            for (int i = 0; i < columns; i += Lanes.COUNT) {
              int gate = r * stride + 2 * i;
              int count = Math.min(Lanes.COUNT, columns - i);
              Epilogue.gate(
                  sums, gate, gate + Lanes.COUNT, out.data(), out.row(r) + from + i, count);
            }
          }
        });
  }

  /**
   * Sums of all rows over some columns: {@code c[ci + r·stride + j] (+)= Σ x[r] · w[j]} for {@code
   * j} below {@code columns}.
   */
  private void sums(
      float[] left,
      int rows,
      Panels panels,
      int columns,
      int worker,
      float[] c,
      int ci,
      int stride,
      boolean add) {
    int inputs = panels.inputs();
    int count = ceilDiv(columns, MicroTile.COLUMNS);
    int tiles = ceilDiv(rows, MicroTile.ROWS);
    int panelSize = RUN * MicroTile.COLUMNS;
    int edge = count * panelSize;
    float[] own = scratch.ofWorker(worker, edge + MicroTile.ROWS * MicroTile.COLUMNS);
    for (int run = 0; run < inputs; run += RUN) {
      int length = Math.min(RUN, inputs - run);
      for (int p = 0; p < count; p++) {
        panels.pack(p, run, length, own, p * panelSize);
      }
      boolean accumulate = add || run > 0;
      for (int block = 0; block < tiles; block += BLOCK) {
        for (int p = 0; p < count; p++) {
          int wide = Math.min(MicroTile.COLUMNS, columns - p * MicroTile.COLUMNS);
          for (int t = block; t < Math.min(block + BLOCK, tiles); t++) {
            int a = (t * inputs + run) * MicroTile.ROWS;
            int high = Math.min(MicroTile.ROWS, rows - t * MicroTile.ROWS);
            int at = ci + t * MicroTile.ROWS * stride + p * MicroTile.COLUMNS;
            if (high == MicroTile.ROWS && wide == MicroTile.COLUMNS) {
              MicroTile.multiply(left, a, own, p * panelSize, length, c, at, stride, accumulate);
            } else {
              MicroTile.multiply(
                  left, a, own, p * panelSize, length, own, edge, MicroTile.COLUMNS, false);
              copyEdge(own, edge, high, wide, c, at, stride, accumulate);
            }
          }
        }
      }
    }
  }

  private static void copyEdge(
      float[] tile,
      int from,
      int high,
      int wide,
      float[] c,
      int at,
      int stride,
      boolean accumulate) {
    for (int r = 0; r < high; r++) {
      for (int j = 0; j < wide; j++) {
        float sum = tile[from + r * MicroTile.COLUMNS + j];
        int to = at + r * stride + j;
        c[to] = accumulate ? c[to] + sum : sum;
      }
    }
  }

  /**
   * Rows in tiles: input i of row r of tile t at {@code (t · inputs + i) · ROWS + r}; missing rows
   * are zero.
   */
  private float[] pack(CpuTensor x) {
    int inputs = x.columns();
    int tiles = ceilDiv(x.rows(), MicroTile.ROWS);
    float[] from = x.data();
    float[] left = scratch.left(Math.multiplyExact(tiles * MicroTile.ROWS, inputs));
    workers.run(
        tiles,
        (tile, worker) -> {
          int to = tile * MicroTile.ROWS * inputs;
          for (int r = 0; r < MicroTile.ROWS; r++) {
            int row = tile * MicroTile.ROWS + r;
            if (row < x.rows()) {
              int at = x.row(row);
              for (int i = 0; i < inputs; i++) {
                left[to + i * MicroTile.ROWS + r] = from[at + i];
              }
            } else {
              for (int i = 0; i < inputs; i++) {
                left[to + i * MicroTile.ROWS + r] = 0;
              }
            }
          }
        });
    return left;
  }

  /** At most {@link #PANELS}, and few enough that every worker gets several tasks. */
  private int panelsPerTask(int panels) {
    return Math.clamp(panels / (4 * workers.count()), 1, PANELS);
  }

  static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }

  /**
   * Weight rows as panels: input i of column j at {@code i · COLUMNS + j}. The first half of panel
   * p's columns are the rows from {@code first + p · step} on, the second half those from {@code
   * second + p · step} on; rows that are not there are zero.
   *
   * @param first first row of the first half
   * @param step how many rows further the next panel begins
   * @param second first row of the second half
   * @param end where the first half's rows end; the second half's end as far behind {@code second},
   *     except that in a plain product both halves are one run of rows
   */
  private record Panels(CpuWeight w, int first, int step, int second, int end) {
    int inputs() {
      return w.columns();
    }

    void pack(int panel, int input, int length, float[] out, int at) {
      int half = Lanes.COUNT;
      int secondEnd = step == half ? second + end - first : end;
      half(first + panel * step, end, input, length, out, at);
      half(second + panel * step, secondEnd, input, length, out, at + half);
    }

    /**
     * Rows {@code from} to {@code from + Lanes.COUNT - 1}, four at a time where four lie together.
     */
    private void half(int from, int end, int input, int length, float[] out, int at) {
      for (int j = 0; j < Lanes.COUNT; j += PanelRows.COUNT) {
        int row = from + j;
        if (row + PanelRows.COUNT <= end && w.contiguous(row) >= PanelRows.COUNT) {
          int bytes = w.dtype().bytes();
          PanelRows.pack(
              w.dtype(),
              w.segment(row),
              w.offset(row) + (long) input * bytes,
              (long) w.columns() * bytes,
              length,
              out,
              at + j,
              MicroTile.COLUMNS);
        } else {
          for (int r = 0; r < PanelRows.COUNT; r++) {
            row(row + r, end, input, length, out, at + j + r);
          }
        }
      }
    }

    private void row(int row, int end, int input, int length, float[] out, int at) {
      if (row < end) {
        long bytes = w.offset(row) + (long) input * w.dtype().bytes();
        Numbers.scatter(w.dtype(), w.segment(row), bytes, out, at, MicroTile.COLUMNS, length);
      } else {
        for (int i = 0; i < length; i++) {
          out[at + i * MicroTile.COLUMNS] = 0;
        }
      }
    }
  }
}
