package org.pyramiddrop.bench.accuracy.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.accuracy.dataset.Dataset;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.bench.accuracy.dataset.Metric;

class FingerprintTest {
  @TempDir private Path temp;

  private Path model(String folder, String config, byte[] weights) throws IOException {
    Path to = Files.createDirectories(temp.resolve(folder));
    Files.writeString(to.resolve("config.json"), config);
    Files.write(to.resolve("model.safetensors"), weights);
    return to;
  }

  @Test
  void aModelIsItsFilesWhereverTheyLie() throws IOException {
    byte[] weights = new byte[(9 << 20) + 77];
    new Random().nextBytes(weights);
    String name = Fingerprint.model(model("a", "{}", weights));
    assertThat(name).matches("[0-9a-f]{16}");
    Path same = model("b", "{}", weights);
    Files.writeString(same.resolve("README.md"), "read me");
    assertThat(Fingerprint.model(same)).isEqualTo(name);
    assertThat(Fingerprint.model(model("c", "{ }", weights))).isNotEqualTo(name);
    byte[] oneByte = weights.clone();
    oneByte[new Random().nextInt(oneByte.length)]++;
    assertThat(Fingerprint.model(model("d", "{}", oneByte))).isNotEqualTo(name);
    byte[] longer = Arrays.copyOf(weights, weights.length + 1);
    assertThat(Fingerprint.model(model("e", "{}", longer))).isNotEqualTo(name);
  }

  @Test
  void aLargeModelIsNoOtherWhoseMatricesDiffer() throws IOException {
    byte[] weights = new byte[70 << 20];
    String name = Fingerprint.model(model("a", "{}", weights));
    int matrix = 2 << 20;
    int start = new Random().nextInt(weights.length - matrix);
    Arrays.fill(weights, start, start + matrix, (byte) 1);
    assertThat(Fingerprint.model(model("b", "{}", weights)))
        .as("changed at %d", start)
        .isNotEqualTo(name);
  }

  @Test
  void theCodeKeepsItsNameWhileItIsTheSame() {
    assertThat(Fingerprint.code()).matches("[0-9a-f]{16}").isEqualTo(Fingerprint.code());
  }

  @Test
  void aDatasetIsItsQuestionsAnswersAndImages() throws IOException {
    Path image = Files.write(temp.resolve("p.png"), new byte[9]);
    Path other = Files.write(temp.resolve("o.png"), new byte[9]);
    String name = name("", new Sample("1", image, "what ?", List.of("a", "b")));
    assertThat(
            List.of(
                name,
                name(" ", new Sample("1", image, "what ?", List.of("a", "b"))),
                name("", new Sample("2", image, "what ?", List.of("a", "b"))),
                name("", new Sample("1", other, "what ?", List.of("a", "b"))),
                name("", new Sample("1", image, "why ?", List.of("a", "b"))),
                name("", new Sample("1", image, "what ?", List.of("ab"))),
                name("", new Sample("1", image, "what ?", List.of("b", "a")))))
        .doesNotHaveDuplicates();
    Files.write(image, new byte[10]);
    assertThat(name("", new Sample("1", image, "what ?", List.of("a", "b")))).isNotEqualTo(name);
  }

  private static String name(String suffix, Sample sample) {
    return Fingerprint.dataset(new Dataset("d", List.of(sample), Metric.EXACT_MATCH, suffix));
  }
}
