package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.Flops;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class FlopsCommandTest {

  @Test
  void printsThePapersTableWithTheTotalBesideIt() {
    Run run = Run.of("flops");

    assertThat(run.code()).isZero();
    List<String> lines = run.out().lines().toList();
    assertThat(cells(lines.get(1)))
        .containsExactly(
            "image", "tokens", "paper", "total", "paper", "total", "paper", "total", "paper",
            "total", "paper", "total");
    assertThat(paper(lines.get(2))).containsExactly("3.82", "1.54", "1.78", "2.06", "2.01");
    assertThat(paper(lines.get(3))).containsExactly("20.8", "8.22", "9.46", "11.0", "10.6");
    assertThat(paper(lines.get(4))).startsWith("40.6").element(2).isEqualTo("18.1");
    assertThat(lines.subList(2, 5))
        .extracting(line -> cells(line).getFirst())
        .containsExactly("576", "2880", "5184");
    assertThat(lines.get(0)).contains("vanilla", "λ=0.4", "λ=0.5", "λ=0.6", "FastV K=2 R=0.5");
  }

  @Test
  void jsonHoldsBothCountsUnrounded() {
    Run run = Run.of("flops", "--format", "json", "--image-tokens", "600", "--text-tokens", "7");

    JsonNode root = JsonMapper.shared().readTree(run.out());
    assertThat(root.get("textTokens").intValue()).isEqualTo(7);
    JsonNode row = root.get("rows").get(0);
    assertThat(row.get("imageTokens").intValue()).isEqualTo(600);
    Flops expected =
        new FlopCounter(ModelShape.LLAVA_7B, PruningPlan.pyramid(4, 0.5).schedule(32))
            .count(PromptShape.of(5, 600, 2, 2));
    JsonNode cost = row.get("costs").get(2);
    assertThat(cost.get("strategy").stringValue()).isEqualTo("λ=0.5");
    assertThat(cost.get("paper").doubleValue()).isEqualTo(expected.paper());
    assertThat(cost.get("total").doubleValue()).isEqualTo(expected.total());
  }

  private static List<String> cells(String line) {
    return List.of(line.strip().split(" +", -1));
  }

  private static List<String> paper(String line) {
    List<String> cells = cells(line);
    return List.of(cells.get(1), cells.get(3), cells.get(5), cells.get(7), cells.get(9));
  }
}
