package org.pyramiddrop.bench.accuracy.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;

class DatasetTest {
  private static final Path SCENES = Path.of("../models/scenes/heldout");

  @Test
  void readsTheDemoSet() {
    Dataset scenes = Dataset.read(SCENES, DatasetFormat.AUTO, null);
    assertThat(scenes.name()).isEqualTo("heldout");
    assertThat(scenes.metric()).isEqualTo(Metric.EXACT_MATCH);
    assertThat(scenes.suffix()).isEmpty();
    assertThat(scenes.samples()).hasSize(300);
    assertThat(scenes.samples().stream().map(Sample::image).distinct()).hasSize(100);
    assertThat(scenes.samples().get(2))
        .isEqualTo(
            new Sample(
                "3",
                SCENES.resolve("0000.png"),
                "what number is on the gray triangle ?",
                List.of("2 7")));
  }

  @Test
  void readsLinesThatAnEditorWroteWithByteOrderMarkAndCarriageReturns(@TempDir Path folder)
      throws IOException {
    Files.createFile(folder.resolve("a.png"));
    Files.createFile(folder.resolve("b.png"));
    Files.writeString(
        folder.resolve("questions.jsonl"),
        "\uFEFF{\"image\": \"a.png\", \"question\": \"what ?\", \"answers\": [\"x\"]}\r\n"
            + "{\"image\": \"b.png\", \"question\": \"why ?\", \"answers\": [\"y\"]}");

    assertThat(Dataset.read(folder, DatasetFormat.AUTO, null).samples())
        .extracting(Sample::question)
        .containsExactly("what ?", "why ?");
  }

  @Test
  void drawsTheSameSubsetForASeedInTheOriginalOrder() {
    Dataset all = numbered(500);
    Dataset some = all.first(50, 7);
    assertThat(some).isEqualTo(all.first(50, 7));
    assertThat(some.samples()).hasSize(50).doesNotHaveDuplicates();
    assertThat(some.samples()).isSubsetOf(all.samples());
    assertThat(some.samples()).isSortedAccordingTo((a, b) -> Integer.compare(number(a), number(b)));
    assertThat(all.first(50, 8).samples()).isNotEqualTo(some.samples());
    assertThat(some.metric()).isEqualTo(all.metric());
    assertThat(some.suffix()).isEqualTo(all.suffix());
  }

  // A run with more questions shall keep those that it has asked.
  @Test
  void addsToASubsetAsTheCountGrows() {
    Dataset all = numbered(40);
    for (int count = 1; count < 40; count++) {
      assertThat(all.first(count + 1, 3).samples()).containsAll(all.first(count, 3).samples());
    }
  }

  @Test
  void drawsEachQuestionAboutAsOften() {
    Dataset all = numbered(20);
    int[] drawn = new int[20];
    for (int seed = 0; seed < 2000; seed++) {
      all.first(5, seed).samples().forEach(sample -> drawn[number(sample)]++);
    }
    assertThat(Arrays.stream(drawn)).allMatch(times -> times > 400 && times < 600);
  }

  @Test
  void givesAllWhereAsManyAreAskedFor() {
    Dataset all = numbered(9);
    assertThat(all.first(9, 1)).isEqualTo(all);
    assertThat(all.first(Integer.MAX_VALUE, 1)).isEqualTo(all);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -3})
  void refusesASubsetOfNothing(int count) {
    assertThatThrownBy(() -> numbered(9).first(count, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(String.valueOf(count));
  }

  @Test
  void takesAnotherMetricThatItsAnswersAllow() {
    Dataset other = numbered(3).withMetric(Metric.VQA_ACCURACY);
    assertThat(other.metric()).isEqualTo(Metric.VQA_ACCURACY);
    assertThat(other.samples()).isEqualTo(numbered(3).samples());
    assertThatThrownBy(() -> numbered(3).withMetric(Metric.POPE_ACCURACY))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("\"yes\" or \"no\"");
  }

  @Test
  void refusesToBeEmpty() {
    assertThatThrownBy(() -> new Dataset("none", List.of(), Metric.EXACT_MATCH, ""))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("none");
    Path image = Path.of("x.png");
    assertThatThrownBy(() -> new Sample("4", image, "what?", List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("question 4");
  }

  private static Dataset numbered(int count) {
    List<Sample> samples =
        IntStream.range(0, count)
            .mapToObj(i -> new Sample("q" + i, Path.of(i + ".png"), "what?", List.of("red")))
            .toList();
    assertThat(new HashSet<>(samples)).hasSize(count);
    return new Dataset("numbered", samples, Metric.EXACT_MATCH, " Be short.");
  }

  private static int number(Sample sample) {
    return Integer.parseInt(sample.id().substring(1));
  }
}
