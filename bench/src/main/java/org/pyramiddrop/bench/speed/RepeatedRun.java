package org.pyramiddrop.bench.speed;

import java.util.function.Function;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Tensor;

/**
 * Work recorded many times in a row and timed as a whole, so that starting it and waiting for it
 * weigh little. All repetitions read the same inputs, which may stay in a GPU's cache, unless the
 * work takes them in turn.
 */
public final class RepeatedRun implements AutoCloseable {
  private final Kernels kernels;
  private final DeviceScratch scratch;
  private final Tensor last;
  private final Recording recording;
  private final int repeats;

  /**
   * Records.
   *
   * @param work allocates what it needs and returns what runs it once
   */
  public RepeatedRun(Kernels kernels, Function<DeviceScratch, Runnable> work, int repeats) {
    this.kernels = kernels;
    this.repeats = repeats;
    scratch = new DeviceScratch(kernels);
    try {
      last = scratch.random(DType.FLOAT32, 1, 1);
      Runnable once = work.apply(scratch);
      if (kernels.replays()) {
        // The first run loads kernels and plans products.
        once.run();
      }
      recording =
          kernels.record(() -> {
            for (int i = 0; i < repeats; i++) {
              once.run();
            }
          });
    } catch (RuntimeException | Error e) {
      scratch.close();
      throw e;
    }
  }

  /** Runs all repetitions and waits for their end. */
  public void run() {
    recording.run();
    kernels.download(last);
  }

  /** Runs all repetitions and returns the microseconds of one. */
  public double micros() {
    kernels.download(last);
    long start = System.nanoTime();
    run();
    return (System.nanoTime() - start) / 1e3 / repeats;
  }

  @Override
  public void close() {
    recording.close();
    scratch.close();
  }
}
