package org.pyramiddrop.kernels.cpu;

/**
 * A product of two packed sides, blocked for the caches (Goto and van de Geijn 2008).
 *
 * <p>The left side is packed once, tile by tile. A task packs a run of inputs of some columns of
 * the right side into panels, multiplies them with its row tiles, and goes on to the next run. The
 * panel in use stays in the first-level cache, a block of row tiles in the second.
 */
final class BlockedProduct {
  /** Inputs of a run: a panel of them is 16 KiB at 256 bits. */
  static final int RUN = 256;

  /** Row tiles that stay in the second-level cache while the panels of a task pass over them. */
  static final int BLOCK = 240 / MicroTile.ROWS;

  /** Panels of a task. */
  private static final int PANELS = 8;

  /** Row tiles that are packed side by side from rows of inputs, a few cache lines of each. */
  private static final int PACKED_TILES = 16;

  /** The right side of a product, which is packed where it is used. */
  interface Right {
    /** How many inputs are summed. */
    int inputs();

    /**
     * Packs a run of inputs of one panel: number j of input i goes to {@code out[at + i · COLUMNS +
     * j]}; columns that are not there are zero.
     */
    void pack(int panel, int input, int length, float[] out, int at);
  }

  private final Workers workers;
  private final Scratch scratch;

  BlockedProduct(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  /**
   * Sums of some rows over some columns: {@code c[ci + r·stride + j] (+)= Σ_i left[r][i] ·
   * right[i][j]} for {@code j} below {@code columns}.
   *
   * @param left all tiles of the left side
   * @param firstTile the tile that row 0 begins
   * @param rows how many rows from there
   */
  void sums(
      float[] left,
      int firstTile,
      int rows,
      Right right,
      int columns,
      int worker,
      float[] c,
      int ci,
      int stride,
      boolean add) {
    int inputs = right.inputs();
    int count = MatrixProduct.ceilDiv(columns, MicroTile.COLUMNS);
    int tiles = MatrixProduct.ceilDiv(rows, MicroTile.ROWS);
    int panelSize = RUN * MicroTile.COLUMNS;
    int edge = count * panelSize;
    float[] own = scratch.ofWorker(worker, edge + MicroTile.ROWS * MicroTile.COLUMNS);
    for (int run = 0; run < inputs; run += RUN) {
      int length = Math.min(RUN, inputs - run);
      for (int p = 0; p < count; p++) {
        right.pack(p, run, length, own, p * panelSize);
      }
      boolean accumulate = add || run > 0;
      for (int block = 0; block < tiles; block += BLOCK) {
        for (int p = 0; p < count; p++) {
          int wide = Math.min(MicroTile.COLUMNS, columns - p * MicroTile.COLUMNS);
          for (int t = block; t < Math.min(block + BLOCK, tiles); t++) {
            int a = ((firstTile + t) * inputs + run) * MicroTile.ROWS;
            int high = Math.min(MicroTile.ROWS, rows - t * MicroTile.ROWS);
            int at = ci + t * MicroTile.ROWS * stride + p * MicroTile.COLUMNS;
            if (high == MicroTile.ROWS && wide == MicroTile.COLUMNS) {
              MicroTile.multiply(left, a, own, p * panelSize, length, c, at, stride, accumulate);
            } else {
              multiplyEdge(
                  left,
                  a,
                  own,
                  p * panelSize,
                  length,
                  own,
                  edge,
                  high,
                  wide,
                  c,
                  at,
                  stride,
                  accumulate);
            }
          }
        }
      }
    }
  }

  /**
   * What {@link MicroTile#multiply} does, for a tile of which only the first {@code high} rows and
   * {@code wide} columns are there. Its numbers are summed in the same order, so that a row's don't
   * depend on how many others there are.
   *
   * @param tile scratch memory for a whole tile, from {@code tile[at]} on
   */
  static void multiplyEdge(
      float[] a,
      int ai,
      float[] b,
      int bi,
      int inputs,
      float[] tile,
      int at,
      int high,
      int wide,
      float[] c,
      int ci,
      int stride,
      boolean accumulate) {
    if (accumulate) {
      for (int r = 0; r < high; r++) {
        System.arraycopy(c, ci + r * stride, tile, at + r * MicroTile.COLUMNS, wide);
      }
    }
    MicroTile.multiply(a, ai, b, bi, inputs, tile, at, MicroTile.COLUMNS, accumulate);
    for (int r = 0; r < high; r++) {
      System.arraycopy(tile, at + r * MicroTile.COLUMNS, c, ci + r * stride, wide);
    }
  }

  /**
   * Rows in tiles: input i of row r of tile t at {@code (t · inputs + i) · ROWS + r}; missing rows
   * are zero.
   */
  float[] packRows(CpuTensor x) {
    int inputs = x.columns();
    int tiles = MatrixProduct.ceilDiv(x.rows(), MicroTile.ROWS);
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

  /** The same of a matrix whose columns are the rows of the product, and whose rows its inputs. */
  float[] packColumns(CpuTensor x) {
    int inputs = x.rows();
    int tiles = MatrixProduct.ceilDiv(x.columns(), MicroTile.ROWS);
    float[] left = scratch.left(Math.multiplyExact(tiles * MicroTile.ROWS, inputs));
    workers.run(
        MatrixProduct.ceilDiv(tiles, PACKED_TILES),
        (task, worker) -> {
          int end = Math.min(tiles, (task + 1) * PACKED_TILES);
          for (int i = 0; i < inputs; i++) {
            for (int t = task * PACKED_TILES; t < end; t++) {
              int column = t * MicroTile.ROWS;
              int to = (t * inputs + i) * MicroTile.ROWS;
              int there = Math.min(MicroTile.ROWS, x.columns() - column);
              MicroTile.copyInput(x.data(), x.row(i) + column, there, left, to);
            }
          }
        });
    return left;
  }

  /** At most {@link #PANELS}, and few enough that every worker gets several tasks. */
  int panelsPerTask(int panels) {
    return Math.clamp(panels / (4 * workers.count()), 1, PANELS);
  }
}
