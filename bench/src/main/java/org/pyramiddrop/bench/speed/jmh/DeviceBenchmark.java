package org.pyramiddrop.bench.speed.jmh;

import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedPrefill;
import org.pyramiddrop.bench.report.Machine;
import org.pyramiddrop.bench.speed.DeviceScratch;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.ProductRun;
import org.pyramiddrop.bench.speed.RepeatedRun;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * What benchmarks of a device's operations share. On the CPU one invocation is one operation. Where
 * work can be recorded, one invocation is many of them in one recording, with one wait at its end;
 * {@link Suite} tells JMH so, and times are those of one operation.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public abstract class DeviceBenchmark {
  /** More than twice the cache of the GPUs that the kernels are compiled for. */
  private static final long LEAST_CACHED = 128L << 20;

  @Param("7b")
  String size = "";

  @Param("cpu")
  String backend = "";

  int threads = Runtime.getRuntime().availableProcessors();

  /** Bytes that inputs which take turns are more than, so that memory is what is measured. */
  long cached = Math.max(4 * Machine.lastLevelCacheBytes(), LEAST_CACHED);

  private final Resources owned = new Resources();
  private Runnable invocation = () -> {};

  /** How often the work is recorded in a row where it can be. */
  static int repeats(ModelSize size) {
    return size == ModelSize.TINY ? 3 : 100;
  }

  ModelSize modelSize() {
    return ModelSize.of(size);
  }

  Kernels open(DType activations) {
    return Devices.open(backend, threads, activations);
  }

  /** The model, closed with the benchmark. */
  ModelOnDevice model(DType dtype) {
    return own(ModelOnDevice.open(modelSize().checkpoint(), Optional.of(dtype), this::open));
  }

  /** Frees something at the end; what was opened last goes first. */
  <T extends AutoCloseable> T own(T opened) {
    return owned.add(opened);
  }

  /** Records the work, if the device can; to be called last. */
  void prepare(Kernels kernels, Function<DeviceScratch, Runnable> work) {
    int repeats = kernels.replays() ? repeats(modelSize()) : 1;
    invocation = own(new RepeatedRun(kernels, work, repeats))::run;
  }

  void prepare(Kernels kernels, Runnable work) {
    prepare(kernels, _ -> work);
  }

  /** A random prompt's way through the first layers, ready to run. */
  RepeatedPrefill prefill(DType dtype, int imageTokens, PruningPlan plan, int layers, long seed) {
    ModelOnDevice model = model(dtype);
    PromptShape prompt = ModelWork.prompt(imageTokens);
    RepeatedPrefill prefill = own(new RepeatedPrefill(model, prompt, plan, layers, seed));
    prepare(model.kernels(), prefill::run);
    return prefill;
  }

  /** A product by some random weights in turn, ready to run. */
  ProductRun product(Product product, DType dtype, int weights, long seed) {
    ProductRun run = own(ProductRun.random(product, dtype, weights, open(dtype), seed));
    prepare(run.kernels(), run::run);
    return run;
  }

  /** How many inputs of a size must take turns. */
  int turns(long bytes) {
    return (int) (cached / bytes + 1);
  }

  void runAndWait() {
    invocation.run();
  }

  @TearDown
  public void tearDown() {
    owned.close();
  }
}
