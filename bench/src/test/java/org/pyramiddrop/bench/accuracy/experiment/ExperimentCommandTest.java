package org.pyramiddrop.bench.accuracy.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.Bench;

/** The command on the demo checkpoint. */
class ExperimentCommandTest {
  private static final Path SCENES = Path.of("../models/scenes");

  private static final String[] ALL = {"all", "--shares", "1,0.5,0", "--lambdas", "0.4,0.6"};

  private static final String TRAINING =
      SCENES.resolve("training").resolve("samples.json").toString();

  @TempDir private Path temp;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... more) {
    List<String> arguments = new ArrayList<>(List.of("experiment"));
    arguments.addAll(List.of("--model", SCENES.resolve("model").toString()));
    arguments.addAll(List.of("--data", SCENES.resolve("heldout").toString()));
    arguments.addAll(List.of("--out", temp.toString(), "--limit", "3"));
    arguments.addAll(List.of(more));
    if (!arguments.contains("--warm-up")) {
      arguments.addAll(List.of("--warm-up", "0"));
    }
    return Bench.run(
        new PrintWriter(out, true), new PrintWriter(err, true), arguments.toArray(String[]::new));
  }

  private Map<String, String> csvs() throws IOException {
    Map<String, String> contents = new TreeMap<>();
    try (Stream<Path> files = Files.list(temp)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".csv")).toList()) {
        contents.put(file.toFile().getName(), Files.readString(file));
      }
    }
    return contents;
  }

  private List<String> csv(String name) throws IOException {
    return Files.readAllLines(temp.resolve(name + ".csv"));
  }

  private List<String> column(String name, int column) throws IOException {
    return csv(name).stream().map(line -> line.split(",", -1)[column]).toList();
  }

  private static String drawing(String line) {
    return line.substring(line.lastIndexOf('/') + 1);
  }

  @Test
  void redoesEveryExperimentAndDoesNotAskTwice() throws IOException {
    assertThat(run(ALL)).as(err.toString()).isZero();
    Map<String, String> first = csvs();
    assertThat(first)
        .containsOnlyKeys(
            "attention.csv",
            "budget.csv",
            "figure-1.csv",
            "figure-4.csv",
            "figure-5.csv",
            "table-4-untrained-times.csv",
            "table-4-untrained.csv",
            "table-5-times.csv",
            "table-5.csv");
    for (String image :
        List.of(
            "attention.png",
            "budget.png",
            "figure-1.png",
            "figure-4.png",
            "table-4-untrained.png",
            "table-5.png")) {
      assertThat(ImageIO.read(temp.resolve(image).toFile())).as(image).isNotNull();
    }
    try (Stream<Path> overlays = Files.list(temp.resolve("figure-5"))) {
      assertThat(overlays).hasSize(3).allMatch(file -> file.toString().endsWith(".png"));
    }
    assertThat(temp.resolve("table-5.md")).content().contains("| vanilla | 64 |", "; commit ");

    List<String> dropped = csv("figure-1");
    assertThat(dropped).hasSize(1 + 4 * 3);
    assertThat(dropped.get(3)).startsWith("1,0,0 1,64 0,");
    assertThat(dropped.get(12)).startsWith("6,0,0 6,64 0,");
    assertThat(column("table-5", 0))
        .containsExactly(
            "plan",
            "vanilla",
            "FastV K=1 R=0.5",
            "FastV K=2 R=0.5",
            "PyramidDrop λ=0.5",
            "VisionZip",
            "VisionZip + PyramidDrop λ=0.5",
            "DivPrune",
            "CDPruner",
            "random 1",
            "random 2",
            "random 3");
    assertThat(column("budget", 0))
        .contains("PyramidDrop", "VisionZip", "DivPrune", "CDPruner", "random 3")
        .endsWith("vanilla");
    assertThat(out.toString()).contains("PyramidDrop can't meet the budget of 4 tokens");
    assertThat(csv("attention")).hasSize(1 + 4 * 64);

    Path overlay = temp.resolve("figure-5").resolve(drawing(csv("figure-5").get(1)));
    Files.delete(overlay);
    String journal = Files.readString(temp.resolve("answers.jsonl"));
    assertThat(run(ALL)).as(err.toString()).isZero();
    assertThat(csvs()).isEqualTo(first);
    assertThat(temp.resolve("answers.jsonl")).hasContent(journal);
    assertThat(overlay).exists();
  }

  @Test
  void trainsModelsOnceAndTabulatesThemFourWays() throws IOException {
    String[] little = {"--steps", "3", "--batch", "2", "--training", TRAINING};
    for (String table : List.of("table-1", "table-2", "table-3", "table-4")) {
      String[] words = new String[little.length + 1];
      words[0] = table;
      System.arraycopy(little, 0, words, 1, little.length);
      assertThat(run(words)).as(err.toString()).isZero();
    }
    Path trained = temp.resolve("trained");
    String results = Files.readString(trained.resolve("trained.json"));
    assertThat(run("table-1", "--steps", "3", "--batch", "2", "--training", TRAINING)).isZero();
    assertThat(trained.resolve("trained.json")).hasContent(results);
    assertThat(column("table-4", 0))
        .containsExactly(
            "trained", "vanilla", "PyramidDrop λ=0.4", "PyramidDrop λ=0.5", "PyramidDrop λ=0.6");
    assertThat(csv("table-1")).hasSize(3);
    assertThat(csv("table-3")).hasSize(7);
    assertThat(temp.resolve("table-1.md")).content().contains("Both began from", "95 % intervals");
    assertThat(run("table-1", "--steps", "4", "--batch", "2", "--training", TRAINING)).isEqualTo(2);
    assertThat(err.toString()).contains("--fresh trains anew");
  }

  @Test
  void runsOneExperimentAsItsOptionsSay() throws IOException {
    assertThat(run("figure-1", "--shares", "0.5,0", "--layers", "3")).as(err.toString()).isZero();
    assertThat(csvs()).containsOnlyKeys("figure-1.csv");
    assertThat(column("figure-1", 3)).containsExactly("image_tokens", "64 32", "64 0");
    assertThat(run("figure-4", "--lambdas", "0.4", "--fastv-layers", "2,5")).isZero();
    assertThat(csv("figure-4")).hasSize(1 + 3 + 7);
    assertThat(out.toString())
        .contains(
            "FastV K=5 can't meet the budget of λ=0.4: all that it can do costs more, or all of it less.");
  }

  @Test
  void comparesWeightsOfFewBitsWithThoseThatAreStored() throws IOException {
    assertThat(run("weights")).as(err.toString()).isZero();
    assertThat(column("weights", 0))
        .containsExactly(
            "weights", "stored", "stored", "int8", "int8", "int4", "int4", "fp8", "fp8");
    List<Double> divergences =
        column("weights", 5).stream().skip(1).map(Double::parseDouble).toList();
    assertThat(divergences.subList(0, 2)).containsOnly(0.0);
    assertThat(divergences.subList(4, 6)).allMatch(lost -> lost > 0 && lost < 1);
    assertThat(column("weights", 7).subList(1, 3)).containsOnly("100.0 %");
  }

  @Test
  void refusesAnswersOfOtherSettingsUntilToldToStartAnew() {
    assertThat(run("figure-1", "--shares", "0", "--layers", "1")).isZero();
    assertThat(run("figure-1", "--shares", "0", "--max-tokens", "1")).isEqualTo(2);
    assertThat(err.toString()).contains("another longest answer: '8 tokens' then, '1 tokens' now");
    assertThat(run("figure-1", "--shares", "0", "--max-tokens", "1", "--fresh")).isZero();
  }

  @Test
  void refusesBadUseInOneLine() {
    for (List<String> use :
        List.of(
            List.of("figure-9", "no experiment is called figure-9; choose table-5, "),
            List.of("attention", "--question must be 0 to 2, got 3", "--question", "3"),
            List.of("attention", "there is no layer 9", "--layers", "10"),
            List.of("figure-1", "keep ratio 1.5 is outside", "--shares", "1.5"),
            List.of("figure-1", "drop layer 8 is outside", "--layers", "8"),
            List.of("table-5", "--warm-up must not be negative", "--warm-up", "-1"))) {
      err.getBuffer().setLength(0);
      List<String> arguments = new ArrayList<>(use);
      String message = arguments.remove(1);
      assertThat(run(arguments.toArray(String[]::new))).isEqualTo(2);
      assertThat(err.toString().lines()).singleElement().asString().contains(message);
    }
  }
}
