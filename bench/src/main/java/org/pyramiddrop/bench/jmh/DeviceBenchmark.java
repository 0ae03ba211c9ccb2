package org.pyramiddrop.bench.jmh;

import java.util.Optional;
import java.util.function.BiFunction;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.pyramiddrop.bench.BenchFolder;
import org.pyramiddrop.bench.DeviceScratch;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.ModelSize;
import org.pyramiddrop.bench.RepeatedRun;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;

/**
 * What benchmarks of a device's operations share. On the CPU one invocation is one operation. Where
 * work can be recorded, one invocation is {@value #REPEATS} of them in one recording, with one wait
 * at its end; {@link Suite} tells JMH so, and times are those of one operation.
 */
@State(Scope.Benchmark)
public abstract class DeviceBenchmark {
  /** How often the work is recorded in a row where it can be. */
  static final int REPEATS = 100;

  /** More than twice the cache of the GPUs that the kernels are compiled for. */
  private static final long LEAST_CACHED = 128L << 20;

  @Param("7b")
  String size = "";

  @Param("cpu")
  String backend = "";

  int threads = Runtime.getRuntime().availableProcessors();
  int repeats = REPEATS;

  /** Bytes that inputs which take turns are more than, so that memory is what is measured. */
  long cached = Math.max(4 * Machine.lastLevelCacheBytes(), LEAST_CACHED);

  @SuppressWarnings("NullAway.Init")
  private RepeatedRun run;

  ModelSize modelSize() {
    return ModelSize.of(size);
  }

  Kernels open(DType activations) {
    return Devices.open(backend, threads, activations);
  }

  ModelOnDevice decoder(DType dtype) {
    return ModelOnDevice.open(BenchFolder.model(modelSize()), Optional.of(dtype), this::open);
  }

  void prepare(Kernels kernels, BiFunction<Kernels, DeviceScratch, Runnable> work) {
    run = new RepeatedRun(kernels, work, kernels.replays() ? repeats : 1);
  }

  /** How many inputs of a size must take turns. */
  int turns(long bytes) {
    return (int) (cached / bytes + 1);
  }

  /** Runs what was prepared, and waits. */
  void runAndWait() {
    run.run();
  }

  /** Frees what {@link #prepare} took, before the device it lies on. */
  @TearDown
  public void tearDown() {
    run.close();
    close();
  }

  /** Frees what the benchmark itself opened. */
  abstract void close();
}
