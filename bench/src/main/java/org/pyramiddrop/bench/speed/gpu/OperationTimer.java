package org.pyramiddrop.bench.speed.gpu;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;
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

  Times time(GpuOperation operation) {
    @Nullable Product product = operation.cublas();
    @Nullable Map<String, Object> request = torch == null ? null : operation.request();
    try (RepeatedRun own = recorded(operation.own());
        @Nullable RepeatedRun cublas =
            product == null
                ? null
                : recorded(scratch -> scratch.product(product, Activation.NONE).run())) {
      List<Supplier<Double>> sides = new ArrayList<>(List.of(own::micros));
      if (cublas != null) {
        sides.add(cublas::micros);
      }
      if (torch != null && request != null) {
        torch.prepare(JsonMapper.shared().<ObjectNode>valueToTree(request).put("repeats", repeats));
        sides.add(() -> torch.millis() * 1e3);
      }
      Iterator<Spread> spreads = rounds().run(sides).stream().map(Spread::of).iterator();
      return new Times(
          operation,
          spreads.next(),
          cublas == null ? null : spreads.next(),
          request == null ? null : spreads.next());
    }
  }

  /** What the device itself reaches. */
  Ceilings ceilings(DeviceCeiling of) {
    Product square = of.product();
    double product = micros(scratch -> scratch.product(square, Activation.NONE).run());
    double read = micros(of::read);
    return new Ceilings(square.flops() / product / 1e6, of.readBytes(kernels.dtype()) / read / 1e6);
  }

  private double micros(Function<DeviceScratch, Runnable> work) {
    try (RepeatedRun run = recorded(work)) {
      return Spread.of(rounds().<Double>run(run::micros)).median();
    }
  }

  private RepeatedRun recorded(Function<DeviceScratch, Runnable> work) {
    return new RepeatedRun(kernels, work, repeats);
  }

  private Rounds rounds() {
    return Rounds.of(WARM_UP, runs);
  }

  /**
   * Microseconds of one operation alone.
   *
   * @param cublas cuBLASLt's, if it has the operation
   * @param torch PyTorch's, if it is there and has the operation
   */
  record Times(
      GpuOperation operation, Spread own, @Nullable Spread cublas, @Nullable Spread torch) {
    /**
     * All operations, one a row.
     *
     * @param peer what PyTorch is, or why there is none
     */
    static Table<?> table(List<Times> all, String peer) {
      String missing = peer.startsWith("no PyTorch") ? "no PyTorch" : "-";
      return new Table<>("operations alone, recorded many times in a row", all)
          .column("", times -> times.operation.name())
          .number("own µs", times -> times.own.median())
          .number("low", times -> times.own.low())
          .number("high", times -> times.own.high())
          .column("TFLOP/s", Times::teraflops)
          .column("cuBLASLt µs", times -> median(times.cublas, "-"))
          .column("PyTorch µs", times -> median(times.torch, missing))
          .column("own : PyTorch", Times::ratio)
          .note(peer)
          .note(
              "own products run with a GELU behind them, since plain ones go to cuBLASLt; cuBLASLt's time"
                  + " beside gate, up, SiLU is that of both products without the SiLU");
    }

    private @Nullable String teraflops() {
      return operation.flops() == 0 ? null : Numbers.number(operation.flops() / own.median() / 1e6);
    }

    private @Nullable String ratio() {
      return torch == null ? null : Numbers.ratio(own.median() / torch.median());
    }

    private static String median(@Nullable Spread spread, String missing) {
      return spread == null ? missing : Numbers.number(spread.median());
    }
  }
}
