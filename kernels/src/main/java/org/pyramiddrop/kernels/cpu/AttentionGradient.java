package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import org.pyramiddrop.kernels.Heads;

/**
 * Attention's backward by blocks of queries, all five products on the {@link MicroTile}: with
 * {@code P = softmax(Q · Kᵀ / √size)} made anew, {@code dV += Pᵀ · dY}, {@code dP = dY · Vᵀ},
 * {@code dS = P ∘ (dP - rowsum(P ∘ dP)) / √size}, {@code dQ = dS · K} and {@code dK += dSᵀ · Q}
 * (Dao et al. 2022, algorithm 4). Keys that no query of a block sees are left out.
 *
 * <p>A task is a key/value head with all its query heads, so that no two tasks add to the same
 * numbers; blocks follow each other in order.
 */
final class AttentionGradient {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final int ROWS = MicroTile.ROWS;
  private static final int COLUMNS = MicroTile.COLUMNS;

  /** Query tiles of a block: its probabilities of some hundred keys fit the second-level cache. */
  private static final int TILES = 10;

  /** Query rows of a block. */
  private static final int BLOCK = TILES * ROWS;

  private final Workers workers;
  private final Scratch scratch;

  AttentionGradient(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  void run(
      CpuTensor q,
      Heads heads,
      CpuTensor keys,
      CpuTensor values,
      Attention.VisibleKeys visible,
      CpuTensor dy,
      CpuTensor dq,
      CpuTensor dKeys,
      CpuTensor dValues) {
    int group = heads.query() / heads.keyValue();
    Layout layout = new Layout(heads.size(), keys.rows());
    workers.run(
        heads.keyValue(),
        (head, worker) -> {
          float[] own = scratch.ofWorker(worker, layout.total);
          Head one = new Head(layout, own, head * heads.size(), keys, values, dKeys, dValues);
          one.packKeysAndValues();
          for (int h = head * group; h < (head + 1) * group; h++) {
            for (int row = 0; row < q.rows(); row += BLOCK) {
              one.block(q, dy, dq, h * heads.size(), row, visible);
            }
          }
        });
  }

  /** Where everything lies in a worker's memory. */
  private static final class Layout {
    final int size;
    final int length;

    /** Panels of a head's channels. */
    final int channelPanels;

    /** From one row of scores to the next; room for zeros behind the last key. */
    final int stride;

    /**
     * Keys as the right side of scores: channel c of key j of panel p at (p · size + c) · COLUMNS +
     * j.
     */
    final int keysByChannel;

    /** Values, likewise. */
    final int valuesByChannel;

    /**
     * Keys as the right side of the queries' gradient: channels c of key j at (p · length + j) ·
     * COLUMNS + c.
     */
    final int keysByKey;

    /** Queries and the output's gradient as left sides, channel by channel, tile after tile. */
    final int queryTiles;

    final int dyTiles;

    /** The same as right sides, row by row in panels of channels. */
    final int queryPanels;

    final int dyPanels;

    /** Scores, which become probabilities, and their gradients: rows of {@link #stride}. */
    final int scores;

    final int dScores;

    /** What is packed of these as a left side. */
    final int packed;

    /** A tile of which not all belongs to an output. */
    final int edge;

    final int total;

    Layout(int size, int length) {
      this.size = size;
      this.length = length;
      channelPanels = MatrixProduct.ceilDiv(size, COLUMNS);
      int keyPanels = MatrixProduct.ceilDiv(length, COLUMNS);
      stride = Math.multiplyExact(keyPanels + 1, COLUMNS);
      int byChannel = Math.multiplyExact(keyPanels * COLUMNS, size);
      keysByChannel = 0;
      valuesByChannel = byChannel;
      keysByKey = Math.addExact(valuesByChannel, byChannel);
      int byKey = Math.multiplyExact(channelPanels * COLUMNS, length);
      queryTiles = Math.addExact(keysByKey, byKey);
      dyTiles = queryTiles + BLOCK * size;
      queryPanels = dyTiles + BLOCK * size;
      dyPanels = queryPanels + channelPanels * COLUMNS * BLOCK;
      scores = dyPanels + channelPanels * COLUMNS * BLOCK;
      dScores = Math.addExact(scores, Math.multiplyExact(BLOCK, stride));
      packed = Math.addExact(dScores, Math.multiplyExact(BLOCK, stride));
      edge = Math.addExact(packed, Math.multiplyExact(BLOCK, stride));
      total = Math.addExact(edge, ROWS * COLUMNS);
    }
  }

  /** The work on one key/value head. */
  private static final class Head {
    private final Layout at;
    private final float[] own;
    private final int column;
    private final CpuTensor keys;
    private final CpuTensor values;
    private final CpuTensor dKeys;
    private final CpuTensor dValues;

    /**
     * Works in a worker's own memory.
     *
     * @param column where the head begins in keys, values and their gradients
     */
    Head(
        Layout at,
        float[] own,
        int column,
        CpuTensor keys,
        CpuTensor values,
        CpuTensor dKeys,
        CpuTensor dValues) {
      this.at = at;
      this.own = own;
      this.column = column;
      this.keys = keys;
      this.values = values;
      this.dKeys = dKeys;
      this.dValues = dValues;
    }

    void packKeysAndValues() {
      packByChannel(keys, at.keysByChannel);
      packByChannel(values, at.valuesByChannel);
      packPanels(keys, column, 0, at.length, at.length, at.keysByKey);
      for (int j = 0; j < at.length; j++) {
        int k = dKeys.row(j) + column;
        Arrays.fill(dKeys.data(), k, k + at.size, 0f);
        int v = dValues.row(j) + column;
        Arrays.fill(dValues.data(), v, v + at.size, 0f);
      }
    }

    /** Rows in panels of rows: the numbers of one channel lie side by side. */
    private void packByChannel(CpuTensor x, int to) {
      int padded = MatrixProduct.ceilDiv(at.length, COLUMNS) * COLUMNS;
      for (int j = 0; j < padded; j++) {
        int out = to + j / COLUMNS * COLUMNS * at.size + j % COLUMNS;
        int from = j < at.length ? x.row(j) + column : 0;
        for (int c = 0; c < at.size; c++) {
          own[out + c * COLUMNS] = j < at.length ? x.data()[from + c] : 0;
        }
      }
    }

    /**
     * Rows in panels of channels.
     *
     * @param room rows of a panel
     */
    private void packPanels(CpuTensor x, int firstColumn, int row, int rows, int room, int to) {
      for (int i = 0; i < rows; i++) {
        int from = x.row(row + i) + firstColumn;
        for (int c = 0; c < at.size; c += COLUMNS) {
          int count = Math.min(COLUMNS, at.size - c);
          int out = to + (c / COLUMNS * room + i) * COLUMNS;
          System.arraycopy(x.data(), from + c, own, out, count);
          Arrays.fill(own, out + count, out + COLUMNS, 0f);
        }
      }
    }

    /** Rows of a block in tiles, channel by channel; rows past the end are zero. */
    private void packTiles(CpuTensor x, int firstColumn, int row, int rows, float factor, int to) {
      int padded = MatrixProduct.ceilDiv(rows, ROWS) * ROWS;
      for (int i = 0; i < padded; i++) {
        int out = to + i / ROWS * ROWS * at.size + i % ROWS;
        int from = i < rows ? x.row(row + i) + firstColumn : 0;
        for (int c = 0; c < at.size; c++) {
          own[out + c * ROWS] = i < rows ? x.data()[from + c] * factor : 0;
        }
      }
    }

    /** Adds what one block of a query head's rows gives. */
    void block(
        CpuTensor q,
        CpuTensor dy,
        CpuTensor dq,
        int queryColumn,
        int row,
        Attention.VisibleKeys visible) {
      int rows = Math.min(BLOCK, q.rows() - row);
      int tiles = MatrixProduct.ceilDiv(rows, ROWS);
      int most = 0;
      for (int r = 0; r < rows; r++) {
        most = Math.max(most, visible.count(row + r));
      }
      float scale = (float) (1 / Math.sqrt(at.size));
      packTiles(q, queryColumn, row, rows, scale, at.queryTiles);
      packTiles(dy, queryColumn, row, rows, 1, at.dyTiles);
      packPanels(q, queryColumn, row, rows, BLOCK, at.queryPanels);
      packPanels(dy, queryColumn, row, rows, BLOCK, at.dyPanels);
      scores(at.queryTiles, at.keysByChannel, tiles, most, at.scores);
      scores(at.dyTiles, at.valuesByChannel, tiles, most, at.dScores);
      for (int r = 0; r < rows; r++) {
        softmaxGradient(r, visible.count(row + r), most, scale);
      }
      byKeys(at.scores, rows, most, at.dyPanels, dValues);
      byKeys(at.dScores, rows, most, at.queryPanels, dKeys);
      byQueries(rows, most, dq, row, queryColumn);
    }

    /** Products of a block's rows with all keys that it sees. */
    private void scores(int left, int right, int tiles, int most, int to) {
      for (int key = 0; key < most; key += COLUMNS) {
        for (int t = 0; t < tiles; t++) {
          MicroTile.multiply(
              own,
              left + t * ROWS * at.size,
              own,
              right + key * at.size,
              at.size,
              own,
              to + t * ROWS * at.stride + key,
              at.stride,
              false);
        }
      }
    }

    /**
     * A row's scores become probabilities, and the gradients of those the gradients of scores, over
     * the square root of the size; both are zero for keys that the row does not see.
     */
    private void softmaxGradient(int r, int see, int most, float scale) {
      int p = at.scores + r * at.stride;
      int d = at.dScores + r * at.stride;
      float maximum = Attention.maximum(own, p, see);
      float share = 1 / Exponential.of(own, p, 1, -maximum, own, p, see);
      FloatVector sum = FloatVector.zero(F);
      for (int j = 0; j < see; j += Lanes.COUNT) {
        VectorMask<Float> in = F.indexInRange(j, see);
        FloatVector probability = FloatVector.fromArray(F, own, p + j, in).mul(share);
        probability.intoArray(own, p + j, in);
        sum = probability.fma(FloatVector.fromArray(F, own, d + j, in), sum);
      }
      float mean = Lanes.sum(sum);
      for (int j = 0; j < see; j += Lanes.COUNT) {
        VectorMask<Float> in = F.indexInRange(j, see);
        FloatVector.fromArray(F, own, d + j, in)
            .sub(mean)
            .mul(scale)
            .mul(FloatVector.fromArray(F, own, p + j, in))
            .intoArray(own, d + j, in);
      }
      int end = MatrixProduct.ceilDiv(most, ROWS) * ROWS;
      Arrays.fill(own, p + see, p + end, 0f);
      Arrays.fill(own, d + see, d + end, 0f);
    }

    /** Adds the products of a block's columns, each a key, with rows of the block. */
    private void byKeys(int left, int rows, int most, int right, CpuTensor out) {
      int keyTiles = MatrixProduct.ceilDiv(most, ROWS);
      for (int r = 0; r < rows; r++) {
        for (int t = 0; t < keyTiles; t++) {
          MicroTile.copyInput(
              own, left + r * at.stride + t * ROWS, ROWS, own, at.packed + (t * rows + r) * ROWS);
        }
      }
      for (int p = 0; p < at.channelPanels; p++) {
        for (int t = 0; t < keyTiles; t++) {
          tile(
              at.packed + t * rows * ROWS,
              right + p * BLOCK * COLUMNS,
              rows,
              out,
              out.row(t * ROWS) + column + p * COLUMNS,
              Math.min(ROWS, at.length - t * ROWS),
              Math.min(COLUMNS, at.size - p * COLUMNS),
              true);
        }
      }
    }

    /** Writes the queries' gradient. */
    private void byQueries(int rows, int most, CpuTensor dq, int row, int queryColumn) {
      int tiles = MatrixProduct.ceilDiv(rows, ROWS);
      for (int t = 0; t < tiles; t++) {
        int there = Math.min(ROWS, rows - t * ROWS);
        transpose(at.dScores + t * ROWS * at.stride, there, most, at.packed + t * ROWS * most);
      }
      for (int key = 0; key < most; key += BlockedProduct.RUN) {
        int length = Math.min(BlockedProduct.RUN, most - key);
        for (int p = 0; p < at.channelPanels; p++) {
          for (int t = 0; t < tiles; t++) {
            tile(
                at.packed + (t * most + key) * ROWS,
                at.keysByKey + (p * at.length + key) * COLUMNS,
                length,
                dq,
                dq.row(row + t * ROWS) + queryColumn + p * COLUMNS,
                Math.min(ROWS, rows - t * ROWS),
                Math.min(COLUMNS, at.size - p * COLUMNS),
                key > 0);
          }
        }
      }
    }

    /** Rows of scores become a tile, key by key; missing rows are zero. */
    private void transpose(int from, int there, int count, int to) {
      for (int r = 0; r < ROWS; r++) {
        for (int j = 0; j < count; j++) {
          own[to + j * ROWS + r] = r < there ? own[from + r * at.stride + j] : 0;
        }
      }
    }

    /** One tile of a product, into an output that it may reach beyond. */
    private void tile(
        int left,
        int right,
        int inputs,
        CpuTensor out,
        int to,
        int high,
        int wide,
        boolean accumulate) {
      int stride = out.columns();
      if (high == ROWS && wide == COLUMNS) {
        MicroTile.multiply(own, left, own, right, inputs, out.data(), to, stride, accumulate);
      } else {
        BlockedProduct.multiplyEdge(
            own,
            left,
            own,
            right,
            inputs,
            own,
            at.edge,
            high,
            wide,
            out.data(),
            to,
            stride,
            accumulate);
      }
    }
  }
}
