package org.pyramiddrop.bench.speed.jmh;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.ThreadParams;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.kernels.DType;

/**
 * The ceiling of memory: reading 1.25 GiB of random bytes in order, and nothing else.
 *
 * <p>Threads walk the same memory, each from its own place on, so far apart that none finds what
 * another left in a cache. A chunk is read as one stream or as four side by side, as the decode
 * product does; the faster one is the ceiling.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 9, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class ReadBandwidthBenchmark {
  private static final VectorSpecies<Integer> S = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

  /** Bytes that one operation reads. */
  static final long CHUNK = 1L << 26;

  @Param({"1", "4"})
  int streams;

  /** How many chunks there are. */
  int chunks = Math.max(20, 2 * Runtime.getRuntime().availableProcessors());

  @SuppressWarnings("NullAway.Init")
  private Arena arena;

  @SuppressWarnings("NullAway.Init")
  MemorySegment memory;

  /** Where a thread is. */
  @State(Scope.Thread)
  public static class Walk {
    private int chunk;

    @Setup
    public void start(ReadBandwidthBenchmark all, ThreadParams threads) {
      chunk = all.chunks * threads.getThreadIndex() / threads.getThreadCount();
    }

    long next(int chunks) {
      chunk = (chunk + 1) % chunks;
      return chunk * CHUNK;
    }
  }

  @Setup
  public void setUp() {
    arena = Arena.ofShared();
    memory = arena.allocate(chunks * CHUNK, 64);
    RandomNumbers.fill(memory, DType.FLOAT32, 0, 1, 3);
  }

  @Benchmark
  @Threads(1)
  public int oneCore(Walk walk) {
    return sum(memory, walk.next(chunks), CHUNK, streams);
  }

  @Benchmark
  @Threads(Threads.MAX)
  public int allCores(Walk walk) {
    return sum(memory, walk.next(chunks), CHUNK, streams);
  }

  /**
   * Sums ints, four vectors at a time.
   *
   * @param bytes a multiple of four vectors
   * @param streams 1 to read the four behind one another, 4 to read each from its own quarter
   */
  static int sum(MemorySegment memory, long from, long bytes, int streams) {
    int vector = S.vectorByteSize();
    long gap = streams == 1 ? vector : bytes / 4;
    long step = streams == 1 ? 4L * vector : vector;
    IntVector s0 = IntVector.zero(S);
    IntVector s1 = s0;
    IntVector s2 = s0;
    IntVector s3 = s0;
    int steps = (int) (bytes / (4L * vector));
    for (int i = 0; i < steps; i++) {
      long at = from + i * step;
      s0 = s0.add(IntVector.fromMemorySegment(S, memory, at, LITTLE));
      s1 = s1.add(IntVector.fromMemorySegment(S, memory, at + gap, LITTLE));
      s2 = s2.add(IntVector.fromMemorySegment(S, memory, at + 2 * gap, LITTLE));
      s3 = s3.add(IntVector.fromMemorySegment(S, memory, at + 3 * gap, LITTLE));
    }
    return s0.add(s1).add(s2.add(s3)).reduceLanes(VectorOperators.ADD);
  }

  @TearDown
  public void tearDown() {
    arena.close();
  }
}
