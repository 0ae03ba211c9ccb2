package org.pyramiddrop.bench.speed.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.loader.VisionConfig;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class ModelComparisonTest {
  private static final Rounds THREE = Rounds.of(1, 3);

  @TempDir private Path temp;
  private ModelInput input;
  private Path model;

  @BeforeEach
  void write() {
    model = temp.resolve("tiny");
    CheckpointShape shape =
        new CheckpointShape(
            4, 64, 96, 4, 4, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));
    RandomCheckpoint.write(model, shape.config(), DType.BFLOAT16, 1);
    input = ModelInput.random(LlavaConfig.read(model), new Resolution(56, 56), 60, 2);
  }

  private Comparison comparison(DType dtype) {
    return Comparisons.model("tiny", model, input, 5, dtype);
  }

  /** The first token's logits and all tokens, as this library has them. */
  private record Own(List<Float> logits, List<Integer> tokens) {
    float[] array() {
      float[] array = new float[logits.size()];
      for (int i = 0; i < array.length; i++) {
        array[i] = logits.get(i);
      }
      return array;
    }
  }

  private Own own(DType dtype) {
    try (ModelOnDevice answers =
            ModelOnDevice.open(model, Optional.of(dtype), ModelOnDevice.device("cpu", 2));
        RepeatedAnswer answering = answers.answer(input, PruningPlan.none(), 4)) {
      int first = answering.first();
      float[] logits = answering.logits();
      return new Own(
          IntStream.range(0, logits.length).mapToObj(i -> logits[i]).toList(),
          List.of(
              first,
              answering.decodeStep(),
              answering.decodeStep(),
              answering.decodeStep(),
              answering.decodeStep()));
    }
  }

  private Result hold(DType dtype, float[] logits, List<Integer> tokens) throws IOException {
    String said = "{\"output\": \"%s\", \"tokens\": %s}".formatted(dtype.label(), tokens);
    try (PeerProcess torch = StandIn.computing(temp, logits, 2, said)) {
      return Result.of(comparison(dtype), temp, "cpu", List.of(torch), 2, THREE);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16"})
  void timesModelsThatAgreeAndItsOwnPrunedRun(DType dtype) throws IOException {
    Own own = own(dtype);
    Result result = hold(dtype, own.array(), own.tokens());
    Result.Peer peer = result.peer("PyTorch").orElseThrow();
    assertThat(peer.verdict().said())
        .isEqualTo(
            "first logits off by at most 0.0 of the deviation, the first 5 of 5 greedy tokens the same");
    // The stand-in's times are 2, 3 and 4 for each phase after the round that doesn't count.
    Result.Times theirs = peer.times().orElseThrow();
    assertThat(theirs.rounds())
        .containsExactly(
            List.of(2.0, 0.5, 4.0, 2.0), List.of(3.0, 0.75, 6.0, 3.0), List.of(4.0, 1.0, 8.0, 4.0));
    assertThat(result.ours().rounds())
        .hasSize(3)
        .allSatisfy(
            round -> assertThat(round.get(0) + 4 * round.get(1)).isCloseTo(round.get(2), within()));
    assertThat(result.pruned().orElseThrow().rounds()).hasSize(3);
    assertThat(Report.of(List.of(), 2, "", List.of(result)).operations())
        .extracting(Report.Operation::name)
        .filteredOn(name -> name.contains("less work"))
        .hasSize(4);
  }

  private static Offset<Double> within() {
    return Offset.offset(1e-6);
  }

  @Test
  void countsTheTokensUpToTheFirstThatDiffers() throws IOException {
    Own own = own(DType.FLOAT32);
    List<Integer> tokens = new ArrayList<>(own.tokens());
    tokens.set(2, 511);
    Result result = hold(DType.FLOAT32, own.array(), tokens);
    assertThat(result.peer("PyTorch").orElseThrow().verdict().said())
        .endsWith("the first 2 of 5 greedy tokens the same");
  }

  @Test
  void refusesToTimeModelsThatDisagree() throws IOException {
    Own own = own(DType.FLOAT32);
    float[] logits = own.array();
    logits[17] += 0.1f;
    Result result = hold(DType.FLOAT32, logits, own.tokens());
    Result.Peer peer = result.peer("PyTorch").orElseThrow();
    assertThat(peer.times()).isEmpty();
    assertThat(peer.verdict().said()).startsWith("element 17 is ");
    assertThat(result.disagrees()).isTrue();
  }

  @Test
  void sendsTheExpandedPromptAndThePixels() {
    try (Comparison.OwnSide ours =
        comparison(DType.BFLOAT16).preparation().prepare(temp, "cpu", 1)) {
      // An image of 4×4 patches; 30 words on either side.
      assertThat(ours.request().path("ids").size()).isEqualTo(16 + 60);
      assertThat(ours.request().path("ids").path(30).intValue()).isEqualTo(448);
      assertThat(ours.request().path("ids").path(45).intValue()).isEqualTo(448);
      assertThat(ours.request().path("pixels").toString()).isEqualTo("[3,56,56]");
      assertThat(RawNumbers.read(temp.resolve("pixels.raw")))
          .isEqualTo(input.image().crops().getFirst().values());
    }
  }

  @Test
  void saysWhenTheOtherSideLeavesNoOutput() throws IOException {
    String script = "echo '{\"threads\": 3}'; read -r line; echo '{\"output\": \"float32\"}'";
    try (PeerProcess torch = StandIn.start(temp, script)) {
      Comparison comparison = comparison(DType.FLOAT32);
      assertThatThrownBy(() -> Result.of(comparison, temp, "cpu", List.of(torch), 2, THREE))
          .isInstanceOf(PeerProcess.Failure.class)
          .hasMessageStartingWith("PyTorch left no output");
    }
  }
}
