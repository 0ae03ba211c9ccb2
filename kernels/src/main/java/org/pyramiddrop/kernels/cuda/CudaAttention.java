package org.pyramiddrop.kernels.cuda;

import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.DeviceBuffer;
import org.pyramiddrop.cuda.TensorMap;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Mask;

/**
 * Attention and the scoring of tokens: {@code attention_decode.cu} for a few rows, or {@link
 * ClusterDecode} where that is wanted and fits, {@code attention_prefill.cu} for many on tensor
 * cores, {@code attention_hopper.cu} instead of it where that is wanted and fits, {@code
 * attention_plain.cu} for what neither takes, and {@code score_tokens.cu}.
 */
final class CudaAttention {
  /** Rows up to which reading keys and values is all the work. */
  private static final int FEW_ROWS = 8;

  private static final int MOST_CHANNELS = 256;

  /** What tensor cores want addresses and rows to be multiples of, in bytes. */
  private static final int ALIGNMENT = 16;

  private static final int THREADS = 128;
  private static final int PREFILL_ROWS = 64;
  private static final int PREFILL_TILES = 4;

  /** Channels of heads that tensor cores take, those of compute capability 9.0 and others. */
  private static final Set<Integer> HOPPER_SIZES = Set.of(64, 72, 128);

  private static final Set<Integer> PREFILL_SIZES = Set.of(64, 128);

  /**
   * Keys and values, a multiprocessor, that blocks which run side by side may read together: 32 MiB
   * of the 50 MiB that an H100's L2 has.
   */
  private static final long SECTION_BYTES = 248 << 10;

  private static final int PLAIN_ROWS = 16;
  private static final int PLAIN_KEYS = 32;
  private static final int TILE_KEYS = 32;
  private static final int MEAN_KEYS = 128;
  private static final int MEAN_THREADS = 512;

  /** Blocks of decode that a multiprocessor holds at most: some load while others compute. */
  private static final int MOST_BLOCKS_EACH = 6;

  /** Shared memory that the driver takes of each block. */
  private static final int RESERVED_BYTES = 1 << 10;

  private static final int MOST_SPLITS = 64;

  /** Shared memory of a block on the smallest GPU in question. */
  private static final int MOST_SHARED_BYTES = 99 << 10;

  private final Launcher launcher;
  private final DeviceMemory memory;
  private final boolean hopper;
  private final @Nullable ClusterDecode clusterDecode;

  /**
   * For each row and key/value head that decode splits the keys of, how many splits are done; zeros
   * between launches. It lives as long as the GPU is open, since graphs keep its address.
   */
  private final DeviceBuffer arrived;

  /**
   * Attention on one stream.
   *
   * @param hopper whether kernels for compute capability 9.0 are to be used
   * @param clusterDecode whether those of a few rows are among them
   */
  CudaAttention(Launcher launcher, DeviceMemory memory, boolean hopper, boolean clusterDecode) {
    this.launcher = launcher;
    this.memory = memory;
    this.hopper = hopper;
    this.clusterDecode = hopper && clusterDecode ? new ClusterDecode(launcher) : null;
    // With more rows and heads than half the blocks there is one split each.
    long blocks = (long) launcher.multiprocessors() * MOST_BLOCKS_EACH;
    arrived = memory.allocateBuffer(blocks / 2 * Integer.BYTES);
    launcher.stream().fill(arrived.address(), (byte) 0, arrived.bytes());
  }

  /**
   * Rows of queries, keys or values, which may be columns of wider rows.
   *
   * @param pitch numbers from one row to the next
   */
  record Rows(DType dtype, long address, int count, int pitch) {
    static Rows of(CudaTensor x) {
      return new Rows(x.dtype(), x.address(), x.rows(), x.columns());
    }

    /** From a column on. */
    Rows from(int column) {
      return new Rows(dtype, address + (long) column * dtype.bytes(), count, pitch);
    }

    /** One of several sequences that lie one behind the other, {@code each} rows long. */
    Rows sequence(int which, int each) {
      long at = address + (long) which * each * pitch * dtype.bytes();
      return new Rows(dtype, at, each, pitch);
    }

    private boolean aligned() {
      return address % ALIGNMENT == 0 && (long) pitch * dtype.bytes() % ALIGNMENT == 0;
    }

    private TensorMap tensorMap(int sequences, int heads, int size) {
      return Hopper.tensorMap(
          dtype, address, new TensorMap.Heads(sequences, count / sequences, heads, size, pitch));
    }
  }

  /**
   * One attention's operands.
   *
   * @param sequences that lie one behind the other, all of one length, and see nothing of another
   */
  private record Operands(
      Rows q, Heads heads, Rows keys, Rows values, Mask mask, Rows out, int sequences) {

    /** Whether tensor cores take heads of these sizes, and these rows. */
    boolean suitTensorCores(Set<Integer> sizes) {
      return q.dtype() != DType.FLOAT32 && sizes.contains(heads.size()) && q.aligned() && aligned();
    }

    /** Whether keys, values and outputs can be cut into accesses of 16 bytes. */
    boolean aligned() {
      return keys.aligned() && values.aligned() && out.aligned();
    }

    /** Rows of queries of each sequence. */
    int rows() {
      return q.count / sequences;
    }

    /** Keys of each sequence. */
    int keyCount() {
      return keys.count / sequences;
    }

    /** Appends {@code struct Attention}. */
    Launcher append(Launcher launcher) {
      return CudaAttention.append(launcher, q, heads, keys, values, mask, out.address());
    }

    /** One of the sequences. */
    Operands sequence(int which) {
      return new Operands(
          q.sequence(which, rows()),
          heads,
          keys.sequence(which, keyCount()),
          values.sequence(which, keyCount()),
          mask,
          out.sequence(which, rows()),
          1);
    }
  }

  /**
   * {@code out = softmax(q · kᵀ / √size) · v}, head by head; a row whose last key is outside of the
   * keys becomes NaN.
   *
   * @throws IllegalArgumentException if heads have more than 256 channels
   */
  void attention(
      CudaTensor q, Heads heads, CudaTensor keys, CudaTensor values, Mask mask, CudaTensor out) {
    Rows rows = Rows.of(keys);
    attend(new Operands(Rows.of(q), heads, rows, Rows.of(values), mask, Rows.of(out), 1));
  }

  /** Attention within sequences, whose queries, keys and values lie side by side. */
  void selfAttention(CudaTensor qkv, Heads heads, int sequences, CudaTensor out) {
    Rows rows = Rows.of(qkv);
    attend(
        new Operands(
            rows,
            heads,
            rows.from(heads.queryColumns()),
            rows.from(heads.queryColumns() + heads.keyValueColumns()),
            new Mask.Full(),
            Rows.of(out),
            sequences));
  }

  private void attend(Operands operands) {
    requireSize(operands.heads);
    int rows = operands.rows();
    if (rows == 0) {
      return;
    }
    boolean few = rows <= FEW_ROWS && decodeSharedBytes(operands.heads) <= MOST_SHARED_BYTES;
    if (!few && hopper && operands.keyCount() > 0 && operands.suitTensorCores(HOPPER_SIZES)) {
      hopper(operands);
      return;
    }
    boolean tensorCores = operands.suitTensorCores(PREFILL_SIZES);
    for (int i = 0; i < operands.sequences; i++) {
      Operands one = operands.sequence(i);
      if (few) {
        decode(one);
      } else if (tensorCores) {
        prefill(one);
      } else {
        plain(one);
      }
    }
  }

  static void requireSize(Heads heads) {
    if (heads.size() > MOST_CHANNELS) {
      throw new IllegalArgumentException(
          "heads of %d channels are too large for the CUDA backend, which takes %d: use the CPU"
              .formatted(heads.size(), MOST_CHANNELS));
    }
  }

  private void prefill(Operands operands) {
    Heads heads = operands.heads;
    int tileBytes = PREFILL_ROWS * heads.size() * operands.q.dtype().bytes();
    start("attention_prefill_" + heads.size(), operands)
        .launch(
            heads.query(),
            Math.ceilDiv(operands.rows(), PREFILL_ROWS),
            1,
            THREADS,
            PREFILL_TILES * tileBytes);
  }

  private void hopper(Operands operands) {
    Heads heads = operands.heads;
    int sequences = operands.sequences;
    launcher
        .kernel("attention_hopper_" + heads.size())
        .tensorMap(operands.q.tensorMap(sequences, heads.query(), heads.size()))
        .tensorMap(operands.keys.tensorMap(sequences, heads.keyValue(), heads.size()))
        .tensorMap(operands.values.tensorMap(sequences, heads.keyValue(), heads.size()))
        .pointer(lastKey(operands.mask))
        .pointer(operands.out.address())
        .int32(operands.rows())
        .int32(operands.keyCount())
        .int32(heads.query())
        .int32(heads.keyValue())
        .int32(section(heads, operands.keyCount()))
        .int32(operands.mask instanceof Mask.Causal ? 1 : 0)
        .float32(scale(heads))
        .launch(
            heads.query(),
            Math.ceilDiv(operands.rows(), Hopper.ROWS),
            sequences,
            Hopper.THREADS,
            hopperSharedBytes(heads.size()));
  }

  /** How many query heads read as many keys and values as L2 holds; at least those of one. */
  private int section(Heads heads, int keys) {
    long each = 2L * keys * heads.size() * DType.BFLOAT16.bytes();
    long fit = Math.max(1, launcher.multiprocessors() * SECTION_BYTES / each);
    return (int) Math.min(fit * (heads.query() / heads.keyValue()), heads.query());
  }

  /** Queries, two stages of keys and of values, and barriers; see {@code SHARED_BYTES}. */
  private static int hopperSharedBytes(int size) {
    int channels = Math.ceilDiv(size, Hopper.BOX_COLUMNS) * Hopper.BOX_COLUMNS;
    return 1024 + 5 * Hopper.ROWS * channels * DType.BFLOAT16.bytes() + 88;
  }

  private void plain(Operands operands) {
    Heads heads = operands.heads;
    start("attention_plain", operands)
        .launch(
            heads.query(),
            Math.ceilDiv(operands.rows(), PLAIN_ROWS),
            1,
            THREADS,
            (PLAIN_ROWS * PLAIN_KEYS + (PLAIN_ROWS + PLAIN_KEYS) * (heads.size() + 1))
                * Float.BYTES);
  }

  /** Whether {@link #decodeStep} takes a row. */
  boolean takesStep(Heads heads) {
    return heads.size() <= MOST_CHANNELS && decodeSharedBytes(heads) <= MOST_SHARED_BYTES;
  }

  /** Turns one row's queries and key, stores its key and value, and attends to all up to them. */
  void decodeStep(
      CudaTensor qkv,
      Heads heads,
      CudaRotary rotary,
      CudaIndices positions,
      CudaIndices rows,
      CudaTensor keys,
      CudaTensor values,
      CudaTensor out) {
    Mask mask = new Mask.UpTo(rows);
    Rows q = Rows.of(qkv);
    decode(
        "attention_decode_step",
        new Operands(q, heads, Rows.of(keys), Rows.of(values), mask, Rows.of(out), 1),
        step ->
            step.pointer(keys.address())
                .pointer(values.address())
                .pointer(rotary.cos())
                .pointer(rotary.sin())
                .pointer(positions.address())
                .int32(rotary.tabulated()));
  }

  private void decode(Operands operands) {
    decode("attention_decode", operands, _ -> {});
  }

  /**
   * Appends {@code struct AttentionDecode}, or what a cluster takes instead, and launches.
   *
   * @param rest appends what the kernel takes beyond it
   */
  private void decode(String kernel, Operands operands, Consumer<Launcher> rest) {
    Heads heads = operands.heads;
    int rows = operands.rows();
    int keys = operands.keyCount();
    if (clusterDecode != null
        && operands.aligned()
        && clusterDecode.takes(operands.q.dtype(), heads, rows, keys)) {
      clusterDecode.launch(kernel + "_cluster", heads, rows, keys, operands::append, rest);
      return;
    }
    int splits = splits(heads, rows, keys);
    if (splits == 1) {
      decode(kernel, operands, rest, 0, 0, 1);
      return;
    }
    long sumsBytes = (long) rows * heads.queryColumns() * splits * Float.BYTES;
    long totalsBytes = 2L * rows * heads.query() * splits * Float.BYTES;
    try (DeviceMemory.Block partial = memory.allocate(sumsBytes + totalsBytes)) {
      decode(kernel, operands, rest, partial.address(), partial.address() + sumsBytes, splits);
    }
  }

  private void decode(
      String kernel,
      Operands operands,
      Consumer<Launcher> rest,
      long sums,
      long totals,
      int splits) {
    Heads heads = operands.heads;
    start(kernel, operands).pointer(sums).pointer(totals).pointer(arrived.address()).int32(splits);
    rest.accept(launcher);
    launcher.launch(splits, heads.keyValue(), operands.rows(), THREADS, decodeSharedBytes(heads));
  }

  /**
   * How many blocks share the keys of a row and key/value head: so many that all blocks together
   * fill the GPU once.
   */
  private int splits(Heads heads, int rows, int keys) {
    // A multiprocessor has room for one largest block and what is reserved for it.
    int room = launcher.maxSharedBytes() + RESERVED_BYTES;
    int each = Math.clamp(room / (decodeSharedBytes(heads) + RESERVED_BYTES), 1, MOST_BLOCKS_EACH);
    int most = Math.clamp(Math.ceilDiv(keys, TILE_KEYS), 1, MOST_SPLITS);
    return Math.clamp(launcher.multiprocessors() * each / (rows * heads.keyValue()), 1, most);
  }

  private Launcher start(String kernel, Operands operands) {
    return operands.append(launcher.kernel(kernel));
  }

  /**
   * Appends {@code struct Attention}.
   *
   * @param out where its output goes, 0 if that is not asked for
   */
  static Launcher append(
      Launcher launcher, Rows q, Heads heads, Rows keys, Rows values, Mask mask, long out) {
    return launcher
        .pointer(q.address())
        .pointer(keys.address())
        .pointer(values.address())
        .pointer(lastKey(mask))
        .pointer(out)
        .int32(q.count)
        .int32(q.pitch)
        .int32(keys.pitch)
        .int32(keys.count)
        .int32(heads.query())
        .int32(heads.keyValue())
        .int32(heads.size())
        .int32(mask instanceof Mask.Causal ? 1 : 0)
        .float32(scale(heads));
  }

  private static long lastKey(Mask mask) {
    return mask instanceof Mask.UpTo upTo ? ((CudaIndices) upTo.lastKey()).address() : 0;
  }

  /** Scores are scaled for powers of two rather than of e. */
  static float scale(Heads heads) {
    return (float) (1 / (Math.log(2) * Math.sqrt(heads.size())));
  }

  /**
   * {@code out[j] = mean over heads of softmax(q · k_j / √size)}, in float32, of one query.
   *
   * @throws IllegalArgumentException if heads have more than 256 channels, or too many of them
   *     share keys
   */
  void scoreTokens(CudaTensor query, Heads heads, CudaTensor keys, CudaTensor out) {
    requireSize(heads);
    int group = heads.query() / heads.keyValue();
    int sharedBytes = tileBytes(heads) + group * (paddedSize(heads) + TILE_KEYS) * Float.BYTES;
    if (sharedBytes > MOST_SHARED_BYTES) {
      throw new IllegalArgumentException(
          "%d query heads of %d channels on one key/value head are too many for the CUDA backend: "
                  .formatted(group, heads.size())
              + "use the CPU");
    }
    int count = keys.rows();
    int tiles = Math.ceilDiv(count, TILE_KEYS);
    long productsBytes = (long) heads.query() * count * Float.BYTES;
    long tilesBytes = 2L * heads.query() * tiles * Float.BYTES;
    try (DeviceMemory.Block scratch = memory.allocate(productsBytes + tilesBytes)) {
      long products = scratch.address();
      launcher
          .kernel("score_tokens_products")
          .pointer(query.address())
          .pointer(keys.address())
          .pointer(products)
          .pointer(products + productsBytes)
          .int32(count)
          .int32(heads.query())
          .int32(heads.keyValue())
          .int32(heads.size())
          .float32(scale(heads))
          .launch(tiles, heads.keyValue(), 1, THREADS, sharedBytes);
      launcher
          .untypedKernel("score_tokens_mean")
          .pointer(products)
          .pointer(products + productsBytes)
          .pointer(out.address())
          .int32(count)
          .int32(heads.query())
          .float32(scale(heads))
          .launch(
              Math.ceilDiv(count, MEAN_KEYS),
              1,
              1,
              MEAN_THREADS,
              (2 * heads.query() + MEAN_THREADS) * Float.BYTES);
    }
  }

  /**
   * Two tiles; for each head that shares them a query, sums, weights and three numbers; one more.
   */
  private int decodeSharedBytes(Heads heads) {
    int group = heads.query() / heads.keyValue();
    int numbers = paddedSize(heads) + heads.size() + TILE_KEYS + 3 + MOST_SPLITS;
    return 2 * tileBytes(heads) + (group * numbers + 1) * Float.BYTES;
  }

  /** A tile of {@code key_tile.cuh}, whose rows take an odd multiple of 64 bytes. */
  private int tileBytes(Heads heads) {
    int rowBytes = heads.size() * launcher.dtype().bytes();
    return TILE_KEYS * (Math.ceilDiv(rowBytes + 64, 128) * 128 - 64);
  }

  /** Channels of a query in shared memory. */
  private int paddedSize(Heads heads) {
    int vector = ALIGNMENT / launcher.dtype().bytes();
    return Math.ceilDiv(heads.size(), vector) * vector;
  }
}
