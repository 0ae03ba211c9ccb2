package org.pyramiddrop.bench.speed.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.bench.report.Table;

class ModelTablesTest {
  private static final ModelResult.Peer FAST =
      Results.peer("PyTorch, eager", Results.phases(2, 1.5, 3, 2.5));
  private static final ModelResult.Peer DEAD =
      new ModelResult.Peer("PyTorch, max-autotune", "torch 1: ended without an answer", null, null);

  @Test
  void eachPartHasItsFloorAndItsShare() {
    Table<?> parts = ModelTables.details(Results.of("LLaVA-NeXT", 2928)).getFirst();
    assertThat(parts.title())
        .isEqualTo(
            "LLaVA-NeXT: an image of 672×672 pixels, 5 crops, 2928 image tokens, 60 of text");
    assertThat(Lines.cells(parts, "load")).containsExactly("load", "1234");
    assertThat(Lines.cells(parts, "vision, no"))
        .containsExactly("vision, no drops", "2.00", "2.00–2.00", "1.000 TFLOP", "1.00", "50%");
    assertThat(Lines.cells(parts, "prefill, no"))
        .containsExactly("prefill, no drops", "12.5", "12.5–12.5", "10.000 TFLOP", "10.0", "80%");
    assertThat(Lines.cells(parts, "decode step, Pyr"))
        .containsExactly(
            "decode step, PyramidDrop", "2.00", "2.00–2.00", "3.000 GB", "1.50", "75%");
    // 1 + 5 + 9 · 1.5 ms.
    assertThat(Lines.cells(parts, "10 tokens, Pyr"))
        .containsExactly("10 tokens, PyramidDrop", "25.0", "25.0–25.0", "19.5", "78%");
  }

  @Test
  void pruningStandsBesideItsArithmetic() {
    Table<?> pruning = ModelTables.details(Results.of("m", 2928)).get(1);
    assertThat(Lines.cells(pruning, "PyramidDrop"))
        .containsExactly(
            "PyramidDrop", "1.563", "1.563–1.563", "2.000", "0.781", "1.600", "1.600–1.600", "150");
  }

  @Test
  void peersHaveTheirRatiosOrTheReasonWhyNot() {
    Table<?> peers = ModelTables.details(Results.of("m", 2928, FAST, DEAD)).get(2);
    assertThat(Lines.cells(peers, "PyTorch, eager"))
        .containsExactly("PyTorch, eager", "2.000", "1.500", "3.000", "2.500", "2.500–2.500");
    assertThat(Lines.cells(peers, "PyTorch, max"))
        .containsExactly("PyTorch, max-autotune", "-", "-", "-", "-", "-");
    assertThat(Lines.of(peers))
        .contains(
            "PyTorch, eager: torch 1: near",
            "PyTorch, max-autotune: torch 1: ended without an answer");
  }

  @Test
  void aNewLengthStandsBesideAKnownOne() {
    Table<?> lengths = ModelTables.details(Results.of("m", 576)).get(3);
    assertThat(Lines.cells(lengths, "prefill"))
        .containsExactly(
            "prefill", "16.0", "16.0–16.0", "12.5", "12.5–12.5", "0.781", "0.781–0.781");
  }

  @Test
  void allModelsStandInOneTable() {
    List<ModelResult> both =
        List.of(Results.of("LLaVA-1.5", 576, FAST, DEAD), Results.of("LLaVA-NeXT", 2928));
    Table<?> table = ModelTables.table(both);
    assertThat(Lines.cells(table, "LLaVA-NeXT, no"))
        .containsExactly(
            "LLaVA-NeXT, no drops", "2.00", "12.5", "80%", "2.50", "80%", "40.0", "73%", "300");
    // Its own time over the floor of the plan without drops: 1 + 10 + 9 · 2 ms.
    assertThat(Lines.cells(table, "LLaVA-1.5, PyTorch, eager"))
        .containsExactly(
            "LLaVA-1.5, PyTorch, eager", "4.00", "25.0", "40%", "5.00", "40%", "80.0", "36%");
    assertThat(Lines.of(table))
        .contains("LLaVA-1.5, PyTorch, max-autotune: torch 1: ended without an answer");
    assertThat(Goal.table(both).lines())
        .anyMatch(
            line -> line.startsWith("LLaVA-1.5, no drops: prefill") && line.endsWith("reached"))
        .anyMatch(line ->
            line.startsWith("LLaVA-NeXT, PyramidDrop: prefill, speed-up")
                && line.endsWith("missed by 0.119"));
  }
}
