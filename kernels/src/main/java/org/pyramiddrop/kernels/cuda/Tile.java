package org.pyramiddrop.kernels.cuda;

/** What {@code matmul.cu} multiplies in a block: rows of x with rows of w. */
enum Tile {
  LARGE(128, 256, 256, 4),
  /** A quarter of the large one, which takes more than a quarter of its time. */
  SMALL(64, 128, 128, 1.25);

  private static final int STAGES = 3;
  private static final int STAGE_ROW_BYTES = 128;

  private final int rows;
  private final int weights;
  private final int threads;
  private final double time;

  Tile(int rows, int weights, int threads, double time) {
    this.rows = rows;
    this.weights = weights;
    this.threads = threads;
    this.time = time;
  }

  /** Its size, as kernels are named for it. */
  String size() {
    return rows + "x" + weights;
  }

  int threads() {
    return threads;
  }

  int sharedBytes() {
    return STAGES * (rows + weights) * STAGE_ROW_BYTES;
  }

  /** Whether a block of this GPU has enough shared memory. */
  boolean fits(Launcher launcher) {
    return sharedBytes() <= launcher.maxSharedBytes();
  }

  int blocks(Product product) {
    int outputs = product.gated() ? weights / 2 : weights;
    return Math.ceilDiv(product.rows(), rows) * Math.ceilDiv(product.outputs(), outputs);
  }

  /** How long the busiest multiprocessor works, in quarters of a large tile. */
  private double time(Product product, int multiprocessors) {
    return Math.ceilDiv(blocks(product), multiprocessors) * time;
  }

  /** The one that should be faster. */
  static Tile fastest(Product product, Launcher launcher) {
    int multiprocessors = launcher.multiprocessors();
    boolean larger =
        LARGE.fits(launcher)
            && LARGE.time(product, multiprocessors) <= SMALL.time(product, multiprocessors);
    return larger ? LARGE : SMALL;
  }
}
