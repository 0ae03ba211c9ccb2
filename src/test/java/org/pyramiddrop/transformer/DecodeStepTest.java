package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.cuda.TestGpu;
import org.pyramiddrop.transformer.engine.Sampler;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** How much a GPU has to start for a token; only the emulated driver counts it. */
final class DecodeStepTest {
  /**
   * Norm with queries, keys and values; rotary, cache and attention; output projection; norm with
   * gate, up and SiLU; down projection.
   */
  private static final int NODES_A_LAYER = 5;

  /** Embedding, last norm with the output head, choice of a token. */
  private static final int NODES_AROUND = 3;

  @BeforeEach
  void useTheGpu() {
    assumeFalse(TestGpu.isReal(), "a real driver doesn't count what it runs");
    TestGpu.prepare();
  }

  @AfterEach
  void leaveTheGpu() {
    TestGpu.restore();
  }

  @ParameterizedTest
  @ValueSource(strings = {"mha-float32", "next-llama3-float16"})
  void aLayerIsFiveKernels(String name) {
    try (Fixture fixture = new Fixture(name);
        LoadedModel model =
            new LoadedModel(fixture.folder(), "cuda", DType.BFLOAT16, UnaryOperator.identity())) {
      Question question = fixture.question("oneImage");
      Sampler sampler = new Sampler(Sampling.greedy());
      try (SequenceRunner runner = model.runner(question, PruningPlan.pyramid(3, 0.5), 3)) {
        runner.prefill(model.prompt(question), sampler);
        runner.decodeStep(0, sampler);
        long before = TestGpu.graphNodes();
        runner.decodeStep(1, sampler);
        runner.decodeStep(2, sampler);
        long step = (long) NODES_A_LAYER * model.decoder().layers() + NODES_AROUND;
        assertThat(TestGpu.graphNodes() - before).isEqualTo(2 * step);
      }
    }
  }
}
