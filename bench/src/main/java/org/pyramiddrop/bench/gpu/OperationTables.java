package org.pyramiddrop.bench.gpu;

import static org.pyramiddrop.bench.gpu.Numbers.NONE;
import static org.pyramiddrop.bench.gpu.Numbers.number;
import static org.pyramiddrop.bench.gpu.Numbers.ratio;

import java.util.List;
import java.util.Optional;
import org.pyramiddrop.bench.Document.Section;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;

/** What operations alone came to, and what the GPU reaches, as tables. */
final class OperationTables {
  private OperationTables() {}

  /**
   * Operations alone.
   *
   * @param rival what PyTorch is, or why there is none
   */
  static Section operations(List<GpuTimes.Times> all, String rival) {
    Table table =
        new Table()
            .row(
                "",
                "own µs",
                "low",
                "high",
                "TFLOP/s",
                "cuBLASLt µs",
                "PyTorch µs",
                "own : PyTorch");
    for (GpuTimes.Times times : all) {
      table.row(
          times.operation().name(),
          number(times.own().median()),
          number(times.own().low()),
          number(times.own().high()),
          times.operation().flops() == 0
              ? NONE
              : number(times.operation().flops() / times.own().median() / 1e6),
          median(times.cublas()),
          times.torch().isEmpty() && rival.startsWith("no PyTorch")
              ? "no PyTorch"
              : median(times.torch()),
          times.torch().map(torch -> ratio(times.own().median() / torch.median())).orElse(NONE));
    }
    return new Section(
        "operations alone, recorded many times in a row",
        table,
        List.of(
            rival,
            "own products run with a GELU behind them, since plain ones go to cuBLASLt; cuBLASLt's time"
                + " beside gate, up, SiLU is that of both products without the SiLU"));
  }

  private static String median(Optional<Spread> spread) {
    return spread.map(s -> number(s.median())).orElse("-");
  }

  /**
   * What the device was seen to reach.
   *
   * @param ceilings that shares are of
   */
  static Section reached(Ceilings seen, Ceilings ceilings) {
    Table table =
        new Table()
            .row("", "seen here", "shares are of")
            .row("square product, TFLOP/s", number(seen.tflops()), number(ceilings.tflops()))
            .row("copy or read, TB/s", number(seen.bandwidth()), number(ceilings.bandwidth()));
    return new Section("what this machine reaches", table, List.of());
  }
}
