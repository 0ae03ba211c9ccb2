package org.pyramiddrop.bench.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.DeviceCeiling;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.bench.RepeatedRun;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.compare.TorchSide;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Kernels;
import tools.jackson.databind.node.ObjectNode;

/** Times operations on a device, each with its rivals in turn. */
final class GpuTimes {
  private static final int WARM_UP = 3;

  private final Kernels kernels;
  private final @Nullable TorchSide torch;
  private final int repeats;
  private final int runs;

  /**
   * Prepares.
   *
   * @param torch PyTorch's side, if there is one
   * @param repeats runs of an operation in one recording
   * @param runs how often each recording is timed
   */
  GpuTimes(Kernels kernels, @Nullable TorchSide torch, int repeats, int runs) {
    this.kernels = kernels;
    this.torch = torch;
    this.repeats = repeats;
    this.runs = runs;
  }

  /** Microseconds of one operation: our kernel's, cuBLASLt's and PyTorch's. */
  record Times(
      GpuOperation operation, Spread own, Optional<Spread> cublas, Optional<Spread> torch) {}

  /** Times one operation; whoever takes part runs in turn with the others. */
  Times time(GpuOperation operation) {
    List<Double> own = new ArrayList<>();
    List<Double> cublas = new ArrayList<>();
    List<Double> theirs = new ArrayList<>();
    try (RepeatedRun first = new RepeatedRun(kernels, operation::own, repeats);
        @Nullable RepeatedRun second = cublas(operation)) {
      @Nullable TorchSide other = prepared(operation);
      for (int i = 0; i < WARM_UP + runs; i++) {
        boolean counts = i >= WARM_UP;
        note(own, counts, first.micros());
        if (second != null) {
          note(cublas, counts, second.micros());
        }
        if (other != null) {
          note(theirs, counts, other.millis() * 1e3);
        }
      }
    }
    return new Times(operation, Spread.of(own), spread(cublas), spread(theirs));
  }

  private @Nullable RepeatedRun cublas(GpuOperation operation) {
    return operation.cublas().map(this::plain).orElse(null);
  }

  private RepeatedRun plain(Product product) {
    return new RepeatedRun(
        kernels, (k, s) -> GpuOperation.product(k, s, product, Activation.NONE), repeats);
  }

  private @Nullable TorchSide prepared(GpuOperation operation) {
    Optional<ObjectNode> request = operation.request();
    if (torch == null || request.isEmpty()) {
      return null;
    }
    torch.prepare(request.get().put("repeats", repeats));
    return torch;
  }

  private static void note(List<Double> times, boolean counts, double time) {
    if (counts) {
      times.add(time);
    }
  }

  private static Optional<Spread> spread(List<Double> times) {
    return times.isEmpty() ? Optional.empty() : Optional.of(Spread.of(times));
  }

  /**
   * What the device itself reaches: a square product, and the faster of a copy and a read, for GPUs
   * lose time where they turn from reading to writing.
   *
   * @param side rows, inputs and outputs of the product
   * @param copiedRows rows of as many numbers that the copy reads and writes
   */
  Ceilings reached(int side, int copiedRows) {
    double product;
    try (RepeatedRun run =
        new RepeatedRun(kernels, (k, s) -> DeviceCeiling.product(k, s, side).run(), repeats)) {
      product = median(run);
    }
    double copy;
    try (RepeatedRun run =
        new RepeatedRun(
            kernels, (k, s) -> DeviceCeiling.copy(k, s, copiedRows, side).run(), repeats)) {
      copy = median(run);
    }
    double read;
    try (RepeatedRun run =
        new RepeatedRun(
            kernels, (k, s) -> DeviceCeiling.read(k, s, copiedRows, side).run(), repeats)) {
      read = median(run);
    }
    int size = kernels.dtype().bytes();
    double bandwidth =
        Math.max(
            DeviceCeiling.copiedBytes(copiedRows, side, size) / copy,
            DeviceCeiling.readBytes(copiedRows, side, size) / read);
    return new Ceilings(DeviceCeiling.flops(side) / product / 1e6, bandwidth / 1e6);
  }

  private double median(RepeatedRun run) {
    List<Double> times = new ArrayList<>();
    for (int i = 0; i < WARM_UP + runs; i++) {
      note(times, i >= WARM_UP, run.micros());
    }
    return Spread.of(times).median();
  }
}
