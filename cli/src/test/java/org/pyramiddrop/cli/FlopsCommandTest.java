package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.Flops;
import org.pyramiddrop.transformer.pruning.ImageShape;
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

  @Test
  void plansOfOnesOwnStandBesideThePapers() {
    String plan = "visionzip:54+10,pyramid:4:0.5";
    Run run =
        Run.of(
            "flops",
            "--format",
            "json",
            "--image-tokens",
            "600",
            "--text-tokens",
            "7",
            "--plan",
            plan);

    JsonNode costs = JsonMapper.shared().readTree(run.out()).get("rows").get(0).get("costs");
    JsonNode cost = costs.get(costs.size() - 1);
    PruningPlan cuts = PruningPlan.parse(plan);
    // 576 patches of one crop, of which 64 stay, and 24 of another, which all stay.
    Flops expected =
        new FlopCounter(ModelShape.LLAVA_7B, cuts.schedule(32))
            .count(PromptShape.of(5, 88, 2, 2), List.of(new ImageShape(List.of(576, 24), 0)), cuts);
    assertThat(cost.get("strategy").stringValue()).isEqualTo(plan);
    assertThat(cost.get("paper").doubleValue()).isEqualTo(expected.paper());
    assertThat(cost.get("total").doubleValue()).isEqualTo(expected.total());
    assertThat(Run.of("flops", "--plan", plan).out()).contains(plan);
    Run wrong = Run.of("flops", "--plan", "zip:3");
    assertThat(wrong.code()).isEqualTo(2);
    assertThat(wrong.err().lines()).singleElement().asString().contains("piece 'zip:3'");
  }

  @Test
  void imagesOfSomeSizeCountAsTheModelTakesThem(@TempDir Path folder) throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"model_type": "llava_next", "text_config": {"model_type": "llama"}}
        """);
    Run run =
        Run.of(
            "flops",
            "--model",
            folder.toString(),
            "--image-size",
            "336x336,672x672",
            "--format",
            "json");

    assertThat(run.err()).isEmpty();
    JsonNode rows = JsonMapper.shared().readTree(run.out()).get("rows");
    assertThat(rows.size()).isEqualTo(2);
    assertThat(rows.get(0).get("imageTokens").intValue()).isEqualTo(1176);
    assertThat(rows.get(1).get("imageTokens").intValue()).isEqualTo(2928);
    // Its 48 newlines go through no vision tower: 5 crops, not the 6 that 2928 / 576 would be.
    ModelShape shape = ModelShape.of(LlavaConfig.read(folder));
    Flops expected =
        new FlopCounter(shape, PruningPlan.none().schedule(32))
            .count(PromptShape.of(5, 2928, 5, 55));
    assertThat(rows.get(1).get("costs").get(0).get("total").doubleValue())
        .isEqualTo(expected.total());
  }

  @ParameterizedTest
  @CsvSource({
    "640, takes a width and a height as in 640x480",
    "0x480, takes a width and a height as in 640x480",
    "640x480 --image-tokens 5, doesn't go with --image-tokens",
  })
  void refusesASizeThatIsNone(String size, String message, @TempDir Path folder)
      throws IOException {
    Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"llava_next\"}");
    Run run = Run.of(("flops --model " + folder + " --image-size " + size).split(" ", -1));

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err().lines()).singleElement().asString().contains("--image-size " + message);
  }

  private static List<String> cells(String line) {
    return List.of(line.strip().split(" +", -1));
  }

  private static List<String> paper(String line) {
    List<String> cells = cells(line);
    return List.of(cells.get(1), cells.get(3), cells.get(5), cells.get(7), cells.get(9));
  }
}
