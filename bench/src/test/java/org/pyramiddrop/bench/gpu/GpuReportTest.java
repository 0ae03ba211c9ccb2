package org.pyramiddrop.bench.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.ModelWork;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class GpuReportTest {
  private static final Ceilings H200 = new Ceilings(790, 4.3);
  private static final PromptShape PROMPT = PromptShape.of(30, 576, 1, 30);

  @Test
  void theFloorIsWorkByTheCeiling() {
    assertThat(H200.flopsMillis(7.9e12)).isCloseTo(10, within(1e-12));
    assertThat(H200.bytesMillis(4.3e9)).isCloseTo(1, within(1e-12));
  }

  @Test
  void refusesCeilingsThatAreNone() {
    assertThatIllegalArgumentException().isThrownBy(() -> new Ceilings(0, 1));
    assertThatIllegalArgumentException().isThrownBy(() -> new Ceilings(1, Double.NaN));
  }

  @Test
  void aModelsRowsHaveTheirFloorsSharesAndSpeeds() {
    GpuModel.PlanTimes plan =
        new GpuModel.PlanTimes(
            "no drops",
            new Spread(20, 19, 25, 5),
            7.9e12,
            new Spread(4, 3.5, 5, 5),
            4.3e9,
            3 << 20);
    GpuReport report = new GpuReport(H200);
    report.model(
        new GpuModel.Result(
            "cuda, A GPU, bfloat16",
            ModelShape.LLAVA_7B,
            PROMPT,
            1234,
            new Spread(5, 4, 6, 5),
            0.79e12,
            List.of(plan)));
    List<String> lines = report.lines();
    assertThat(cells(lines, "load")).containsExactly("load", "1234");
    assertThat(cells(lines, "vision"))
        .containsExactly(
            "vision and projector", "5.00", "4.00", "6.00", "0.790 TFLOP", "1.00", "20%");
    assertThat(cells(lines, "prefill, no"))
        .containsExactly(
            "prefill, no drops", "20.0", "19.0", "25.0", "7.900 TFLOP", "10.0", "50%", "3.0 MiB");
    assertThat(cells(lines, "decode step"))
        .containsExactly(
            "decode step, no drops", "4.00", "3.50", "5.00", "4.300 GB", "1.00", "25%", "250.0");
    assertThat(report.markdown())
        .contains(
            "| prefill, no drops | 20.0 | 19.0 | 25.0 | 7.900 TFLOP | 10.0 | 50% |  | 3.0 MiB |");
  }

  @Test
  void anOperationsRowHasItsSpeedAndItsRivals() {
    // 2 · 636 · 637 · 4096 operations in 10 microseconds.
    GpuTimes.Times attention =
        new GpuTimes.Times(
            new GpuOperation.Attention(636, new Heads(32, 32, 128)),
            new Spread(10, 9, 11, 5),
            Optional.empty(),
            Optional.of(new Spread(20, 20, 20, 5)));
    GpuReport report = new GpuReport(H200);
    report.operations(List.of(attention), "torch 1");
    assertThat(cells(report.lines(), "attention"))
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
    GpuReport report = new GpuReport(H200);
    report.operations(List.of(selection), "no PyTorch: python3 can't be started");
    assertThat(cells(report.lines(), "top-k"))
        .containsExactly(
            "top-k 288 of 576 + gather of 4096 columns", "5.00", "5.00", "5.00", "-", "no PyTorch");
    assertThat(report.lines()).contains("no PyTorch: python3 can't be started");
  }

  @Test
  void aSwiGlusWorkIsBothProducts() {
    Product half = new Product(636, 4096, 11008);
    assertThat(new GpuOperation.SwiGlu(half).flops()).isEqualTo(2 * half.flops());
  }

  @Test
  void aPrunedDecodeStepReadsWhatEachStageHolds() {
    PruningPlan pyramid = PruningPlan.pyramid(4, 0.5);
    // 8 layers a stage; 10 generated tokens and the step's own beside the prompt's.
    double rows = 8 * (636 + 348 + 204 + 132 + 4 * 11.0);
    assertThat(ModelWork.keyValueBytes(ModelShape.LLAVA_7B, pyramid, PROMPT, 10, DType.BFLOAT16))
        .isEqualTo(2 * rows * 4096 * 2);
  }

  /** The cells of the line that begins so, empty ones left out. */
  private static List<String> cells(List<String> lines, String start) {
    String line =
        lines.stream()
            .filter(l -> l.startsWith(start + " ") || l.startsWith(start + ","))
            .findFirst()
            .orElseGet(
                () -> lines.stream().filter(l -> l.startsWith(start)).findFirst().orElseThrow());
    return List.of(line.strip().split(" {2,}"));
  }
}
