package org.pyramiddrop.bench.speed.gpu;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.speed.DeviceCeiling;
import org.pyramiddrop.bench.speed.DeviceScratch;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.RepeatedRun;
import org.pyramiddrop.bench.speed.compare.PeerProcess;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Kernels;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Times operations on a device, each in turn with the same by cuBLASLt and PyTorch.
 *
 * @param torch PyTorch's side, if there is one
 * @param repeats runs of an operation in one recording
 * @param runs how often each recording is timed
 */
record OperationTimer(Kernels kernels, @Nullable PeerProcess torch, int repeats, int runs) {
  private static final int WARM_UP = 3;

  OperationTimes time(GpuOperation operation) {
    @Nullable Product product = operation.cublas();
    @Nullable Map<String, Object> request = torch == null ? null : operation.request();
    try (RepeatedRun own = recorded(operation.own());
        @Nullable RepeatedRun cublas = product == null ? null : recorded(plain(product))) {
      List<Supplier<Double>> sides = new ArrayList<>(List.of(own::micros));
      if (cublas != null) {
        sides.add(cublas::micros);
      }
      if (torch != null && request != null) {
        torch.prepare(JsonMapper.shared().<ObjectNode>valueToTree(request).put("repeats", repeats));
        sides.add(micros(torch));
      }
      Iterator<Spread> spreads = rounds().run(sides).stream().map(Spread::of).iterator();
      return new OperationTimes(
          operation,
          spreads.next(),
          cublas == null ? null : spreads.next(),
          request == null ? null : spreads.next());
    }
  }

  /**
   * What the device itself reaches: a square product, and the faster of a copy and a read, for GPUs
   * lose time where they turn from reading to writing.
   *
   * @param side rows, inputs and outputs of the product
   * @param copiedRows rows of as many numbers that the copy reads and writes
   */
  Ceilings ceilings(int side, int copiedRows) {
    double product = micros((k, s) -> DeviceCeiling.product(k, s, side).run());
    double copy = micros((k, s) -> DeviceCeiling.copy(k, s, copiedRows, side).run());
    double read = micros((k, s) -> DeviceCeiling.read(k, s, copiedRows, side).run());
    int size = kernels.dtype().bytes();
    double bandwidth =
        Math.max(
            DeviceCeiling.copiedBytes(copiedRows, side, size) / copy,
            DeviceCeiling.readBytes(copiedRows, side, size) / read);
    return new Ceilings(DeviceCeiling.flops(side) / product / 1e6, bandwidth / 1e6);
  }

  private double micros(BiFunction<Kernels, DeviceScratch, Runnable> work) {
    try (RepeatedRun run = recorded(work)) {
      return Spread.of(rounds().<Double>run(run::micros)).median();
    }
  }

  private static Supplier<Double> micros(PeerProcess torch) {
    return () -> torch.millis() * 1e3;
  }

  private static BiFunction<Kernels, DeviceScratch, Runnable> plain(Product product) {
    return (k, s) -> GpuOperation.product(k, s, product, Activation.NONE);
  }

  private RepeatedRun recorded(BiFunction<Kernels, DeviceScratch, Runnable> work) {
    return new RepeatedRun(kernels, work, repeats);
  }

  private Rounds rounds() {
    return Rounds.of(WARM_UP, runs);
  }
}
