package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class OptionsTest {

  @Test
  void defaultsAreThePapersPyramidGreedy() {
    assertThat(Options.defaults())
        .isEqualTo(new Options(PruningPlan.pyramid(4, 0.5), Sampling.greedy(), 128, 0));
  }

  @Test
  void eachChangeTouchesOneThing() {
    Options changed =
        Options.defaults()
            .withPruning(PruningPlan.none())
            .withSampling(Sampling.of(0.5, 0.9, 3))
            .withMaxTokens(7)
            .withTopLogits(5)
            .withSystemPrompt("Be brief.")
            .withStop("\n", "USER:")
            .withLogProbabilities(2);

    assertThat(changed)
        .isEqualTo(
            new Options(
                PruningPlan.none(),
                Sampling.of(0.5, 0.9, 3),
                7,
                5,
                "Be brief.",
                List.of("\n", "USER:"),
                2));
    assertThat(changed.withPruning(PruningPlan.fastV(2, 0.5)).withPruning(PruningPlan.none()))
        .isEqualTo(changed);
    assertThat(changed.withStop().withSystemPrompt("").withLogProbabilities(-1))
        .isEqualTo(new Options(PruningPlan.none(), Sampling.of(0.5, 0.9, 3), 7, 5));
    assertThat(LoadOptions.defaults().withBackend(Backend.CPU).withDtype(WeightType.FLOAT32))
        .extracting(LoadOptions::backend, LoadOptions::dtype)
        .containsExactly(Backend.CPU, WeightType.FLOAT32);
    assertThat(LoadOptions.defaults().withThreads(3).threads()).isEqualTo(3);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "visionzip:54+10,pyramid:4:0.5",
        "divprune:64,fastv:2:0.5",
        "cdpruner:64,layers:8=.5/16=.25",
        "random:64@7:tower"
      })
  void reachOtherProcessesAsTheyAre(String plan) throws Exception {
    Options options =
        Options.defaults()
            .withPruning(PruningPlan.parse(plan))
            .withSampling(Sampling.of(0.5, 0.9, 3))
            .withSystemPrompt("Be brief.")
            .withStop("USER:");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(options);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      assertThat(in.readObject()).isEqualTo(options);
    }
  }

  @Test
  void refusesTextsThatMeanNothing() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Options.defaults().withStop("a", ""))
        .withMessage("a stop string must not be empty");
    String longest = "x".repeat(1 << 20);
    assertThat(Options.defaults().withStop(longest).withSystemPrompt(longest).stop())
        .containsExactly(longest);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Options.defaults().withStop(longest + "x"))
        .withMessage("a stop string has 1048577 characters; it may have 1048576");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Options.defaults().withSystemPrompt(longest + "x"))
        .withMessage("the system prompt has 1048577 characters; it may have 1048576");
  }

  @Test
  void refusesNumbersThatMeanNothing() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Options.defaults().withMaxTokens(0))
        .withMessage("max tokens must be at least 1, got 0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Options.defaults().withTopLogits(-1))
        .withMessage("top logits must not be negative, got -1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Options.defaults().withLogProbabilities(-2))
        .withMessage("log-probabilities must be -1 (none), 0 (the chosen token's) or more, got -2");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> LoadOptions.defaults().withThreads(0))
        .withMessage("threads must be at least 1, got 0");
  }
}
