package org.pyramiddrop.bench.speed.gpu;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;

/**
 * Microseconds of one operation alone.
 *
 * @param own our kernel's
 * @param cublas cuBLASLt's, if it has the operation
 * @param torch PyTorch's, if it is there and has the operation
 */
record OperationTimes(
    GpuOperation operation, Spread own, @Nullable Spread cublas, @Nullable Spread torch) {
  /**
   * All operations, one a row.
   *
   * @param peer what PyTorch is, or why there is none
   */
  static Table<?> table(List<OperationTimes> all, String peer) {
    String missing = peer.startsWith("no PyTorch") ? "no PyTorch" : "-";
    return new Table<>("operations alone, recorded many times in a row", all)
        .column("", times -> times.operation.name())
        .number("own µs", times -> times.own.median())
        .number("low", times -> times.own.low())
        .number("high", times -> times.own.high())
        .column("TFLOP/s", OperationTimes::teraflops)
        .column("cuBLASLt µs", times -> median(times.cublas, "-"))
        .column("PyTorch µs", times -> median(times.torch, missing))
        .column("own : PyTorch", OperationTimes::ratio)
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
