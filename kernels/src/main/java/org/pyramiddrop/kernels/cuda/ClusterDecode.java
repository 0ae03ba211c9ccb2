package org.pyramiddrop.kernels.cuda;

import java.util.function.Consumer;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;

/**
 * Attention of a few rows on compute capability 9.0, where the blocks that share a row's keys are a
 * cluster: {@code attention_decode_cluster.cu}.
 */
final class ClusterDecode {
  /** Blocks of a cluster; the kernels are named for them. */
  private static final int[] SIZES = {8, 4, 2};

  private static final int THREADS = 256;
  private static final int WARPS = THREADS / 32;

  /** Query heads of a key/value head that a cluster takes. */
  private static final int MOST_HEADS = 4;

  /** Channels of a lane: numbers in 16 bytes. */
  private static final int CHANNELS = 8;

  /**
   * Keys of a block up to which it pays to leave most multiprocessors idle: they are read in about
   * the time that joining more splits through global memory takes.
   */
  private static final int KEYS_EACH = 512;

  private final Launcher launcher;

  ClusterDecode(Launcher launcher) {
    this.launcher = launcher;
  }

  /** Whether the kernels take these operands, all of which are aligned but for the queries. */
  boolean takes(DType dtype, Heads heads, int rows, int keys) {
    return dtype != DType.FLOAT32
        && heads.size() % CHANNELS == 0
        && keys > 0
        && blocks(launcher.multiprocessors(), heads, rows, keys) > 0;
  }

  /**
   * How many blocks share a row's keys: as many as a cluster has for all clusters to run at once.
   * Two blocks of single heads fit on a multiprocessor, so there may be half as many more of those.
   *
   * @return 0 if there are so many rows and heads that keys needn't be split, or so few that they
   *     should be split further
   */
  static int blocks(int multiprocessors, Heads heads, int rows, int keys) {
    int clusters = rows * clustersOfRow(heads);
    int room = group(heads) == 1 ? multiprocessors + multiprocessors / 2 : multiprocessors;
    for (int size : SIZES) {
      if (clusters * size <= room) {
        boolean busy = 3 * clusters * size >= multiprocessors;
        return busy || keys <= size * KEYS_EACH ? size : 0;
      }
    }
    return 0;
  }

  private static int group(Heads heads) {
    return heads.query() / heads.keyValue();
  }

  private static int clustersOfRow(Heads heads) {
    return heads.keyValue() * Math.ceilDiv(group(heads), MOST_HEADS);
  }

  /**
   * Launches {@code attention_decode_cluster} or {@code attention_decode_step_cluster}.
   *
   * @param attention appends {@code struct Attention}
   * @param rest appends what the kernel takes beyond that
   */
  void launch(
      String kernel,
      Heads heads,
      int rows,
      int keys,
      Consumer<Launcher> attention,
      Consumer<Launcher> rest) {
    int blocks = blocks(launcher.multiprocessors(), heads, rows, keys);
    int most = group(heads) == 1 ? 1 : MOST_HEADS;
    launcher.kernel(kernel + "_" + blocks + (most == 1 ? "" : "_grouped"));
    launcher.int32(lanes(heads));
    attention.accept(launcher);
    rest.accept(launcher);
    launcher.launch(blocks, clustersOfRow(heads), rows, THREADS, sharedBytes(heads, blocks, most));
  }

  /** The logarithm of how many lanes have a key's channels between them. */
  private static int lanes(Heads heads) {
    int chunks = heads.size() / CHANNELS;
    return Integer.SIZE - Integer.numberOfLeadingZeros(chunks - 1);
  }

  /**
   * A key, a value and queries; of each of the block's chunks what all warps of the cluster have,
   * and of each head their levels and sums of weights.
   */
  private static int sharedBytes(Heads heads, int blocks, int most) {
    int own = Math.min(most, group(heads));
    int partials = blocks * WARPS;
    int chunks = Math.ceilDiv(own * heads.size() / CHANNELS, blocks);
    int floats = (most + 1) * heads.size() + (chunks * CHANNELS + 2 * own) * partials;
    return floats * Float.BYTES;
  }
}
