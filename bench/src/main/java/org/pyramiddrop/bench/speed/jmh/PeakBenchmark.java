package org.pyramiddrop.bench.speed.jmh;

import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The ceiling of arithmetic: float multiply-adds that never leave the registers.
 *
 * <p>Ten chains hide the instruction's latency (two a cycle, four or five cycles each) and fit the
 * 16 registers of AVX2. The work of an operation does not depend on the vector's width. Two seconds
 * of warm-up, because wide vectors lower the clock of some processors only after a while.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 9, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class PeakBenchmark {
  private static final VectorSpecies<Float> S = FloatVector.SPECIES_PREFERRED;
  private static final int CHAINS = 10;

  /**
   * Floating point operations of one benchmark operation on one thread, two for each multiply-add.
   */
  static final double FLOPS = 2.0 * CHAINS * 16 * (1 << 18);

  private static final int STEPS = (int) (FLOPS / (2 * CHAINS * S.length()));

  // Fields, so that the compiler can't know them; each chain tends to 1.
  float factor = 0.5f;
  float summand = 0.5f;

  @Benchmark
  @Threads(1)
  public float oneCore() {
    return chains(STEPS);
  }

  @Benchmark
  @Threads(Threads.MAX)
  public float allCores() {
    return chains(STEPS);
  }

  /** Sum over chains and lanes of x after {@code steps} times x = x·factor + summand. */
  float chains(int steps) {
    FloatVector m = FloatVector.broadcast(S, factor);
    FloatVector c = FloatVector.broadcast(S, summand);
    FloatVector a0 = FloatVector.zero(S);
    FloatVector a1 = a0.add(1f);
    FloatVector a2 = a0.add(2f);
    FloatVector a3 = a0.add(3f);
    FloatVector a4 = a0.add(4f);
    FloatVector a5 = a0.add(5f);
    FloatVector a6 = a0.add(6f);
    FloatVector a7 = a0.add(7f);
    FloatVector a8 = a0.add(8f);
    FloatVector a9 = a0.add(9f);
    for (int i = 0; i < steps; i++) {
      a0 = a0.fma(m, c);
      a1 = a1.fma(m, c);
      a2 = a2.fma(m, c);
      a3 = a3.fma(m, c);
      a4 = a4.fma(m, c);
      a5 = a5.fma(m, c);
      a6 = a6.fma(m, c);
      a7 = a7.fma(m, c);
      a8 = a8.fma(m, c);
      a9 = a9.fma(m, c);
    }
    FloatVector sum = a0.add(a1).add(a2).add(a3).add(a4).add(a5).add(a6).add(a7).add(a8).add(a9);
    return sum.reduceLanes(VectorOperators.ADD) / S.length();
  }
}
