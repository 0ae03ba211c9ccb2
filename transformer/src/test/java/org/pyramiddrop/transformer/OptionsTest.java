package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
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
            .withTopLogits(5);

    assertThat(changed).isEqualTo(new Options(PruningPlan.none(), Sampling.of(0.5, 0.9, 3), 7, 5));
    assertThat(LoadOptions.defaults().withBackend(Backend.CPU).withDtype(WeightType.FLOAT32))
        .extracting(LoadOptions::backend, LoadOptions::dtype)
        .containsExactly(Backend.CPU, WeightType.FLOAT32);
    assertThat(LoadOptions.defaults().withThreads(3).threads()).isEqualTo(3);
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
        .isThrownBy(() -> LoadOptions.defaults().withThreads(0))
        .withMessage("threads must be at least 1, got 0");
  }
}
