package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Mask;

/**
 * Prefill's attention: tiles of queries against blocks of keys with a running softmax (Dao et al.
 * 2022), both products on the {@link MicroTile}.
 *
 * <p>Keys and values are packed once a key/value head, shared by all its query heads and tiles.
 */
final class Attention {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final int ROWS = MicroTile.ROWS;
  private static final int COLUMNS = MicroTile.COLUMNS;

  /** Query tiles of a task, which share the key block in the second-level cache. */
  private static final int TILES = 8;

  /** Keys of a block; a multiple of the panel width at every vector width. */
  private static final int KEYS = 128;

  /** How many keys, counted from the first, a query row sees. */
  @FunctionalInterface
  interface VisibleKeys {
    int count(int row);

    /**
     * What a mask lets each row of q see.
     *
     * @throws IllegalArgumentException if a row would see no key, or one past the last
     */
    static VisibleKeys of(Mask mask, int queries, int keys) {
      VisibleKeys visible =
          switch (mask) {
            case Mask.Full() -> row -> keys;
            case Mask.Causal() -> row -> keys - queries + row + 1;
            case Mask.UpTo(Indices last) -> {
              int[] lastKey = ((CpuIndices) last).copy();
              yield row -> lastKey[row] + 1;
            }
          };
      for (int row = 0; row < queries; row++) {
        int count = visible.count(row);
        if (count < 1 || count > keys) {
          throw new IllegalArgumentException(
              "row %d of q would see %d of %d keys".formatted(row, count, keys));
        }
      }
      return visible;
    }
  }

  private final Workers workers;
  private final Scratch scratch;

  Attention(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  void run(
      CpuTensor q,
      Heads heads,
      CpuTensor keys,
      CpuTensor values,
      VisibleKeys visible,
      CpuTensor out) {
    int size = heads.size();
    int length = keys.rows();
    int keyPanels = MatrixProduct.ceilDiv(length, COLUMNS);
    int valuePanels = MatrixProduct.ceilDiv(size, COLUMNS);
    int headKeys = Math.multiplyExact(keyPanels * COLUMNS, size);
    int headValues = Math.multiplyExact(valuePanels * COLUMNS, length);
    float[] packedKeys = scratch.keys(Math.multiplyExact(headKeys, heads.keyValue()));
    float[] packedValues = scratch.values(Math.multiplyExact(headValues, heads.keyValue()));
    workers.run(
        heads.keyValue(),
        (head, worker) -> {
          packKeys(keys, head * size, size, packedKeys, head * headKeys);
          packValues(values, head * size, size, packedValues, head * headValues);
        });
    int tiles = MatrixProduct.ceilDiv(q.rows(), ROWS);
    int blocks = MatrixProduct.ceilDiv(tiles, TILES);
    int group = heads.query() / heads.keyValue();
    workers.run(
        blocks * heads.query(),
        (task, worker) -> {
          // Late rows see the most keys: they go first, so that no worker ends alone with a long
          // task.
          int block = blocks - 1 - task / heads.query();
          int head = task % heads.query();
          float[] own =
              scratch.ofWorker(worker, TILES * Tile.size(size, valuePanels) + 2 * ROWS * KEYS);
          int kv = head / group;
          block(
              q,
              out,
              head,
              size,
              block * TILES,
              Math.min(tiles, (block + 1) * TILES),
              packedKeys,
              kv * headKeys,
              packedValues,
              kv * headValues,
              length,
              valuePanels,
              visible,
              own);
        });
  }

  /**
   * Where a query tile's numbers lie in a worker's memory: queries, weighted sums, maxima, totals.
   */
  private record Tile(int queries, int sums, int maxima, int totals) {
    static int size(int headSize, int valuePanels) {
      return ROWS * headSize + ROWS * valuePanels * COLUMNS + 2 * ROWS;
    }

    static Tile at(int index, int headSize, int valuePanels) {
      int start = index * size(headSize, valuePanels);
      int sums = start + ROWS * headSize;
      int maxima = sums + ROWS * valuePanels * COLUMNS;
      return new Tile(start, sums, maxima, maxima + ROWS);
    }
  }

  private static void block(
      CpuTensor q,
      CpuTensor out,
      int head,
      int size,
      int fromTile,
      int toTile,
      float[] keys,
      int keysAt,
      float[] values,
      int valuesAt,
      int length,
      int valuePanels,
      VisibleKeys visible,
      float[] own) {
    int scoresAt = TILES * Tile.size(size, valuePanels);
    int most = 0;
    for (int t = fromTile; t < toTile; t++) {
      Tile tile = Tile.at(t - fromTile, size, valuePanels);
      packQueries(q, t * ROWS, head * size, size, own, tile.queries);
      Arrays.fill(own, tile.sums, tile.maxima, 0f);
      Arrays.fill(own, tile.maxima, tile.totals, Float.NEGATIVE_INFINITY);
      Arrays.fill(own, tile.totals, tile.totals + ROWS, 0f);
      most = Math.max(most, visibleToTile(q, t, visible));
    }
    for (int key = 0; key < most; key += KEYS) {
      for (int t = fromTile; t < toTile; t++) {
        int here = Math.min(KEYS, visibleToTile(q, t, visible) - key);
        if (here <= 0) {
          continue;
        }
        Tile tile = Tile.at(t - fromTile, size, valuePanels);
        for (int p = 0; p < here; p += COLUMNS) {
          int panel = keysAt + (key + p) * size;
          MicroTile.multiply(own, tile.queries, keys, panel, size, own, scoresAt + p, KEYS, false);
        }
        softmax(q, t, key, here, visible, own, scoresAt, tile, valuePanels);
        for (int p = 0; p < valuePanels; p++) {
          int panel = valuesAt + (p * length + key) * COLUMNS;
          MicroTile.multiply(
              own,
              scoresAt + ROWS * KEYS,
              values,
              panel,
              here,
              own,
              tile.sums + p * COLUMNS,
              valuePanels * COLUMNS,
              true);
        }
      }
    }
    for (int t = fromTile; t < toTile; t++) {
      Tile tile = Tile.at(t - fromTile, size, valuePanels);
      for (int r = 0; r < Math.min(ROWS, q.rows() - t * ROWS); r++) {
        float scale = 1 / own[tile.totals + r];
        int from = tile.sums + r * valuePanels * COLUMNS;
        int to = out.row(t * ROWS + r) + head * size;
        for (int c = 0; c < size; c++) {
          out.data()[to + c] = own[from + c] * scale;
        }
      }
    }
  }

  /** The most keys that any row of a tile sees. */
  private static int visibleToTile(CpuTensor q, int tile, VisibleKeys visible) {
    int most = 0;
    for (int r = tile * ROWS; r < Math.min(q.rows(), (tile + 1) * ROWS); r++) {
      most = Math.max(most, visible.count(r));
    }
    return most;
  }

  /**
   * Makes a tile's scores of one block e^(score - maximum), scales what was summed under an older
   * maximum, and puts the probabilities behind the scores as the left side of a product: key by
   * key, a column of rows each.
   */
  private static void softmax(
      CpuTensor q,
      int tileIndex,
      int key,
      int here,
      VisibleKeys visible,
      float[] own,
      int scores,
      Tile tile,
      int valuePanels) {
    int width = valuePanels * COLUMNS;
    for (int r = 0; r < ROWS; r++) {
      int at = scores + r * KEYS;
      int row = tileIndex * ROWS + r;
      int see = row < q.rows() ? Math.clamp((long) visible.count(row) - key, 0, here) : 0;
      float before = own[tile.maxima + r];
      float maximum = Math.max(before, maximum(own, at, see));
      float total = see > 0 ? Exponential.of(own, at, 1, -maximum, own, at, see) : 0;
      for (int j = see; j < here; j++) {
        own[at + j] = 0;
      }
      if (maximum != before && before != Float.NEGATIVE_INFINITY) {
        float scale = (float) Math.exp(before - maximum);
        own[tile.totals + r] *= scale;
        int sums = tile.sums + r * width;
        for (int c = 0; c < width; c++) {
          own[sums + c] *= scale;
        }
      }
      own[tile.maxima + r] = maximum;
      own[tile.totals + r] += total;
    }
    transpose(own, scores, here);
  }

  /** Rows of {@link #KEYS} scores become columns of {@link #ROWS}, behind them. */
  private static void transpose(float[] own, int scores, int here) {
    int columns = scores + ROWS * KEYS;
    for (int r = 0; r < ROWS; r++) {
      for (int j = 0; j < here; j++) {
        own[columns + j * ROWS + r] = own[scores + r * KEYS + j];
      }
    }
  }

  /** The highest of {@code x[at .. at+count)}; NaN if one is among them. */
  static float maximum(float[] x, int at, int count) {
    float highest = Float.NEGATIVE_INFINITY;
    int bound = F.loopBound(count);
    if (bound > 0) {
      FloatVector v = FloatVector.fromArray(F, x, at);
      for (int i = Lanes.COUNT; i < bound; i += Lanes.COUNT) {
        v = v.max(FloatVector.fromArray(F, x, at + i));
      }
      highest = v.reduceLanes(VectorOperators.MAX);
    }
    for (int i = bound; i < count; i++) {
      highest = Math.max(highest, x[at + i]);
    }
    return highest;
  }

  /**
   * Queries of a tile, channel by channel, already divided by √size; rows past the end are zero.
   */
  private static void packQueries(
      CpuTensor q, int firstRow, int column, int size, float[] own, int at) {
    float scale = (float) (1 / Math.sqrt(size));
    for (int r = 0; r < ROWS; r++) {
      boolean there = firstRow + r < q.rows();
      int from = there ? q.row(firstRow + r) + column : 0;
      for (int c = 0; c < size; c++) {
        own[at + c * ROWS + r] = there ? q.data()[from + c] * scale : 0;
      }
    }
  }

  /**
   * Keys in panels: channel c of key j of a panel at {@code c · COLUMNS + j}; keys past the end are
   * zero.
   */
  private static void packKeys(CpuTensor keys, int column, int size, float[] out, int at) {
    int padded = MatrixProduct.ceilDiv(keys.rows(), COLUMNS) * COLUMNS;
    for (int j = 0; j < padded; j++) {
      int to = at + j / COLUMNS * COLUMNS * size + j % COLUMNS;
      if (j < keys.rows()) {
        int from = keys.row(j) + column;
        for (int c = 0; c < size; c++) {
          out[to + c * COLUMNS] = keys.data()[from + c];
        }
      } else {
        for (int c = 0; c < size; c++) {
          out[to + c * COLUMNS] = 0;
        }
      }
    }
  }

  /**
   * Values in panels of channels: channel c of key j at {@code (panel · keys + j) · COLUMNS + c}.
   */
  private static void packValues(CpuTensor values, int column, int size, float[] out, int at) {
    int length = values.rows();
    for (int j = 0; j < length; j++) {
      int from = values.row(j) + column;
      for (int c = 0; c < size; c += COLUMNS) {
        int count = Math.min(COLUMNS, size - c);
        int to = at + (c / COLUMNS * length + j) * COLUMNS;
        System.arraycopy(values.data(), from + c, out, to, count);
        Arrays.fill(out, to + count, to + COLUMNS, 0f);
      }
    }
  }
}
