package org.pyramiddrop.bench.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.Document.Section;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.kernels.Heads;

class OperationTablesTest {
  @Test
  void anOperationsRowHasItsSpeedAndItsRivals() {
    // 2 · 636 · 637 · 4096 operations in 10 microseconds.
    GpuTimes.Times attention =
        new GpuTimes.Times(
            new GpuOperation.Attention(636, new Heads(32, 32, 128)),
            new Spread(10, 9, 11, 5),
            Optional.empty(),
            Optional.of(new Spread(20, 20, 20, 5)));
    Section table = OperationTables.operations(List.of(attention), "torch 1");
    assertThat(Lines.cells(table, "attention"))
        .containsExactly(
            "attention, 636 tokens", "10.0", "9.00", "11.0", "332", "-", "20.0", "0.50");
  }

  @Test
  void withoutPyTorchItsColumnSaysSo() {
    GpuTimes.Times selection =
        new GpuTimes.Times(
            new GpuOperation.Selection(576, 288, 4096),
            new Spread(5, 5, 5, 1),
            Optional.empty(),
            Optional.empty());
    Section table =
        OperationTables.operations(List.of(selection), "no PyTorch: python3 can't be started");
    assertThat(Lines.cells(table, "top-k"))
        .containsExactly(
            "top-k 288 of 576 + gather of 4096 columns", "5.00", "5.00", "5.00", "-", "no PyTorch");
    assertThat(Lines.of(table)).contains("no PyTorch: python3 can't be started");
  }

  @Test
  void aSwiGlusWorkIsBothProducts() {
    Product half = new Product(636, 4096, 11008);
    assertThat(new GpuOperation.SwiGlu(half).flops()).isEqualTo(2 * half.flops());
  }

  @Test
  void whatWasGivenStandsBesideWhatWasSeen() {
    Ceilings seen = new Ceilings(700, 3.1);
    Section table = OperationTables.reached(seen, seen.or(790.0, null));
    assertThat(Lines.cells(table, "square"))
        .containsExactly("square product, TFLOP/s", "700", "790");
    assertThat(Lines.cells(table, "copy")).containsExactly("copy or read, TB/s", "3.10", "3.10");
  }
}
