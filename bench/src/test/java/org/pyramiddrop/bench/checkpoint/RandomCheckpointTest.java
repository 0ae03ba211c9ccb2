package org.pyramiddrop.bench.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.loader.VisionConfig;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class RandomCheckpointTest {
  private static final CheckpointShape TINY =
      new CheckpointShape(
          2, 64, 96, 4, 2, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));

  @TempDir private Path temp;

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void answersAQuestionAboutAnImage(DType dtype) throws IOException {
    Path folder = temp.resolve("tiny");
    RandomCheckpoint.write(folder, TINY.config(), dtype, 1);
    Path image = temp.resolve("noise.png");
    ImageIO.write(noise(), "png", image.toFile());
    try (Llava model = Llava.load(folder)) {
      Answer answer =
          model.ask(
              Question.of("What is here?", image),
              Options.defaults()
                  .withPruning(PruningPlan.pyramid(2, 0.5))
                  .withMaxTokens(3)
                  .withTopLogits(512));
      assertThat(model.dtype()).isEqualToIgnoringCase(dtype.name());
      assertThat(answer.imageTokens()).isEqualTo(16);
      assertThat(answer.stages().get(1).imageTokens()).isEqualTo(8);
      assertThat(answer.logits()).hasSize(512).allMatch(logit -> Float.isFinite(logit.value()));
      assertThat(answer.logits().getFirst().value())
          .isGreaterThan(answer.logits().getLast().value());
    }
  }

  @Test
  void takesNothingOverFromARunThatWasKilled() throws IOException {
    Path part = Files.createDirectory(temp.resolve(".tiny.part"));
    Files.writeString(part.resolve("model-00009-of-00009.safetensors"), "half");
    RandomCheckpoint.write(temp.resolve("tiny"), TINY.config(), DType.BFLOAT16, 1);
    assertThat(part).doesNotExist();
    assertThat(temp.resolve("tiny")).isDirectoryNotContaining("glob:**00009.safetensors");
  }

  @Test
  void answersAQuestionAboutAnImageOfTiles() throws IOException {
    Path folder = temp.resolve("tiny");
    RandomCheckpoint.write(folder, TINY.nextConfig(), DType.BFLOAT16, 1);
    Path image = temp.resolve("noise.png");
    ImageIO.write(noise(), "png", image.toFile());
    try (Llava model = Llava.load(folder)) {
      Answer answer =
          model.ask(
              Question.of("What is here?", image),
              Options.defaults()
                  .withPruning(PruningPlan.none())
                  .withMaxTokens(3)
                  .withTopLogits(512));
      // 70×60 pixels become two tiles each way: 4×4 patches of the whole, then of the tiles' 8×8
      // the
      // 6 rows that are not padding, each with a newline.
      assertThat(answer.imageTokens()).isEqualTo(16 + 6 * (8 + 1));
      assertThat(answer.logits()).hasSize(512).allMatch(logit -> Float.isFinite(logit.value()));
    }
  }

  @Test
  void readsBackAsTheConfigItWasMadeFrom() {
    RandomCheckpoint.write(temp.resolve("tiny"), TINY.config(), DType.BFLOAT16, 1);
    assertThat(LlavaConfig.read(temp.resolve("tiny"))).isEqualTo(TINY.config());
    RandomCheckpoint.write(temp.resolve("next"), TINY.nextConfig(), DType.BFLOAT16, 1);
    assertThat(LlavaConfig.read(temp.resolve("next"))).isEqualTo(TINY.nextConfig());
  }

  /**
   * The spread of attention's scores decides how peaked the softmax is: queries and keys of hidden
   * states of variance 1 have products, by the root of the head's size, with this deviation.
   */
  @Test
  void drawsQueriesAndKeysThatPeak() {
    List<WeightPlan> plans = WeightPlan.of(CheckpointShape.LLAVA_7B.config());
    for (String layer :
        List.of(
            "language_model.model.layers.31.self_attn.",
            "vision_tower.vision_model.encoder.layers.23.self_attn.")) {
      double query = variance(plans, layer + "q_proj.weight");
      double key = variance(plans, layer + "k_proj.weight");
      assertThat(Math.sqrt(query * key)).as(layer).isCloseTo(3, within(1e-5));
      assertThat(variance(plans, layer + "v_proj.weight")).as(layer).isCloseTo(1, within(1e-5));
    }
  }

  /** Of an output of inputs of variance 1: that of uniform weights is a third of their spread². */
  private static double variance(List<WeightPlan> plans, String name) {
    WeightPlan plan = plans.stream().filter(p -> p.name().equals(name)).findFirst().orElseThrow();
    return plan.shape().get(1) * plan.spread() * plan.spread() / 3.0;
  }

  @Test
  void fillsShardsUpToTheirSize() throws IOException {
    Path folder = temp.resolve("tiny");
    RandomCheckpoint.write(folder, TINY.config(), DType.BFLOAT16, 1, 100_000);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(checkpoint.files()).isGreaterThan(2);
      long elements = WeightPlan.of(TINY.config()).stream().mapToLong(WeightPlan::elements).sum();
      assertThat(checkpoint.bytes()).isEqualTo(2 * elements);
    }
    try (var files = Files.list(folder)) {
      assertThat(files.filter(f -> f.toString().endsWith(".safetensors")))
          .allMatch(f -> f.toFile().length() < 110_000);
    }
  }

  @Test
  void writesTheSameWeightsForASeedHoweverTheyAreSharded() {
    RandomCheckpoint.write(temp.resolve("one"), TINY.config(), DType.BFLOAT16, 1);
    RandomCheckpoint.write(temp.resolve("many"), TINY.config(), DType.BFLOAT16, 1, 100_000);
    RandomCheckpoint.write(temp.resolve("other"), TINY.config(), DType.BFLOAT16, 2);
    try (Checkpoint one = Checkpoint.open(temp.resolve("one"));
        Checkpoint many = Checkpoint.open(temp.resolve("many"));
        Checkpoint other = Checkpoint.open(temp.resolve("other"))) {
      assertThat(many.names()).containsExactlyInAnyOrderElementsOf(one.names());
      for (String name : one.names()) {
        StoredTensor tensor = one.tensor(name);
        assertThat(tensor.data().mismatch(many.tensor(name).data())).as(name).isEqualTo(-1);
        assertThat(tensor.data().mismatch(other.tensor(name).data())).as(name).isNotEqualTo(-1);
      }
    }
  }

  @Test
  void hasTheSizeOfLlava() {
    long elements =
        WeightPlan.of(CheckpointShape.LLAVA_7B.config()).stream()
            .mapToLong(WeightPlan::elements)
            .sum();
    // What llava-hf/llava-1.5-7b-hf has, in numbers; llava-v1.6-vicuna-7b-hf has a newline more.
    assertThat(elements).isEqualTo(7_063_427_072L);
    assertThat(
            WeightPlan.of(CheckpointShape.LLAVA_7B.nextConfig()).stream()
                .mapToLong(WeightPlan::elements)
                .sum())
        .isEqualTo(7_063_427_072L + 4096);
  }

  @Test
  void refusesAFolderThatExists() {
    assertThatThrownBy(() -> RandomCheckpoint.write(temp, TINY.config(), DType.BFLOAT16, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("exists already");
  }

  @Test
  void refusesAVocabularyWithoutRoomForBytes() {
    assertThatThrownBy(
            () -> new CheckpointShape(2, 64, 96, 4, 2, 100, CheckpointShape.LLAVA_7B.vision()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("vocabulary of 100");
  }

  private static BufferedImage noise() {
    BufferedImage image = new BufferedImage(70, 60, BufferedImage.TYPE_INT_RGB);
    Random random = new Random(1);
    for (int i = 0; i < 70 * 60; i++) {
      image.setRGB(i % 70, i / 70, random.nextInt(1 << 24));
    }
    return image;
  }
}
