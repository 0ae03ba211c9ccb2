package org.pyramiddrop.bench.speed.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.gpu.OperationTimer.Times;
import org.pyramiddrop.kernels.Heads;

class OperationTimesTest {
  @Test
  void anOperationsRowHasItsSpeedAndItsRivals() {
    // 2 · 636 · 637 · 4096 operations in 10 microseconds.
    Times attention =
        new Times(
            GpuOperation.attention(636, new Heads(32, 32, 128)),
            new Spread(10, 9, 11, 5),
            null,
            new Spread(20, 20, 20, 5));
    Table<?> table = Times.table(List.of(attention), "torch 1");
    assertThat(Lines.cells(table, "attention"))
        .containsExactly(
            "attention, 636 tokens", "10.0", "9.00", "11.0", "332", "-", "20.0", "0.500");
  }

  @Test
  void withoutPyTorchItsColumnSaysSo() {
    Times selection =
        new Times(GpuOperation.selection(576, 288, 4096), new Spread(5, 5, 5, 1), null, null);
    Table<?> table = Times.table(List.of(selection), "no PyTorch: python3 can't be started");
    assertThat(Lines.cells(table, "top-k"))
        .containsExactly(
            "top-k 288 of 576 + gather of 4096 columns", "5.00", "5.00", "5.00", "-", "no PyTorch");
    assertThat(Lines.of(table)).contains("no PyTorch: python3 can't be started");
  }

  @Test
  void aSwiGlusWorkIsBothProducts() {
    Product half = new Product(636, 4096, 11008);
    assertThat(GpuOperation.swiGlu(half).flops()).isEqualTo(2 * half.flops());
  }

  @Test
  void whatWasGivenStandsBesideWhatWasSeen() {
    Ceilings seen = new Ceilings(700, 3.1);
    Table<?> table = seen.or(790.0, null).table(seen);
    assertThat(Lines.cells(table, "square"))
        .containsExactly("square product, TFLOP/s", "700", "790");
    assertThat(Lines.cells(table, "read")).containsExactly("read, TB/s", "3.10", "3.10");
  }
}
