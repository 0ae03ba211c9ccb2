package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.cuda.TestGpu;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.RunnerPool;
import org.pyramiddrop.transformer.engine.Sampler;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** What a GPU has to record and to start for a first token; only the emulated driver counts it. */
final class FirstTokenTest {
  private static final String ONE_BY_ONE = "pyramiddrop.cuda.busyRows";

  private static final PruningPlan PLAN = PruningPlan.pyramid(3, 0.5);

  /** What the driver has been asked for so far. */
  private record Counts(
      long captures, long instantiations, long graphs, long nodes, long launches) {
    static Counts now() {
      return new Counts(
          TestGpu.captures(),
          TestGpu.instantiations(),
          TestGpu.graphLaunches(),
          TestGpu.graphNodes(),
          TestGpu.launches());
    }

    static Counts of(Runnable work) {
      Counts before = now();
      work.run();
      Counts after = now();
      return new Counts(
          after.captures - before.captures,
          after.instantiations - before.instantiations,
          after.graphs - before.graphs,
          after.nodes - before.nodes,
          after.launches - before.launches);
    }
  }

  @BeforeEach
  void useTheGpu() {
    assumeFalse(TestGpu.isReal(), "a real driver doesn't count what it runs");
    TestGpu.prepare();
  }

  @AfterEach
  void leaveTheGpu() {
    TestGpu.restore();
  }

  private static LoadedModel model(Fixture fixture) {
    return new LoadedModel(fixture.folder(), "cuda", DType.BFLOAT16, UnaryOperator.identity());
  }

  /**
   * A prompt of a length that was not met before: its prefill and first step are started kernel by
   * kernel, each recorded once behind that; the next of its length, and the next steps, are one
   * graph each, of what was started.
   */
  @Test
  void theFirstTokenOfANewLengthWaitsForNoRecording() {
    try (Fixture fixture = new Fixture("mha-float32");
        LoadedModel model = model(fixture)) {
      Question question = fixture.question("oneImage");
      try (SequenceRunner runner = model.runner(question, PLAN, 2)) {
        Sampler sampler = new Sampler(Sampling.greedy());
        int[] tokens = new int[2];
        Runnable both =
            () -> {
              tokens[0] = runner.prefill(model.prompt(question), sampler);
              tokens[1] = runner.decodeStep(0, sampler);
            };
        Counts first = Counts.of(both);
        List<Integer> firstTokens = List.of(tokens[0], tokens[1]);
        Counts again = Counts.of(both);
        assertThat(first.graphs).isZero();
        assertThat(first.captures).isEqualTo(2);
        assertThat(first.instantiations).isEqualTo(2);
        assertThat(again).isEqualTo(new Counts(0, 0, 2, again.nodes, 0));
        assertThat(first.launches).isPositive().isLessThanOrEqualTo(again.nodes);
        assertThat(List.of(tokens[0], tokens[1])).isEqualTo(firstTokens);
      }
    }
  }

  /** Only its prefill is recorded: the step goes on in caches that have as much room. */
  @Test
  void aPromptOfAnotherLengthTakesTheStepThatIsThere() {
    try (Fixture fixture = new Fixture("mha-float32");
        LoadedModel model = model(fixture);
        RunnerPool runners = new RunnerPool(model.kernels(), model.decoder())) {
      Question first = fixture.question("oneImage");
      Question longer = new Question(first.prompt() + " again", first.images(), true);
      assertThat(model.prompt(longer).length()).isGreaterThan(model.prompt(first).length());
      assertThat(firstTokens(model, runners, first).captures()).isEqualTo(2);
      Counts of = firstTokens(model, runners, longer);
      assertThat(of.captures()).isOne();
      assertThat(of.instantiations()).isOne();
      assertThat(of.graphs()).isOne();
      // Both find all of their work recorded from now on.
      for (Question question : List.of(first, longer)) {
        Counts again = firstTokens(model, runners, question);
        assertThat(again).isEqualTo(new Counts(0, 0, 2, again.nodes(), 0));
      }
    }
  }

  /** Takes a prompt's first two tokens, which must be those of a runner that shares nothing. */
  private static Counts firstTokens(LoadedModel model, RunnerPool runners, Question question) {
    Prompt prompt = model.prompt(question);
    SequenceRunner.Shape shape =
        new SequenceRunner.Shape(prompt.length(), prompt.images(), PLAN, 2);
    List<Integer> expected;
    try (SequenceRunner alone = runners.create(shape)) {
      model.fill(alone, question);
      expected = model.tokens(alone, question, 1);
    }
    SequenceRunner runner = runners.acquire(shape);
    model.fill(runner, question);
    List<Integer> tokens = new ArrayList<>();
    Counts counts =
        Counts.of(() -> {
          Sampler sampler = new Sampler(Sampling.greedy());
          tokens.add(runner.prefill(prompt, sampler));
          tokens.add(runner.decodeStep(0, sampler));
        });
    runners.release(runner);
    assertThat(tokens).isEqualTo(expected);
    return counts;
  }

  /** All crops of a picture are one graph of no more launches than one crop's, but for copies. */
  @Test
  void allCropsOfAPictureAreOnePass() {
    Counts together = encodedAgain();
    Counts apart;
    System.setProperty(ONE_BY_ONE, "1");
    try {
      apart = encodedAgain();
    } finally {
      System.clearProperty(ONE_BY_ONE);
    }
    assertThat(together.captures).isZero();
    assertThat(together.graphs).isOne();
    assertThat(apart.graphs).isGreaterThan(2);
    assertThat(together.nodes).isPositive().isLessThan(2 * apart.nodes / apart.graphs);
  }

  /** What a picture takes whose likes were encoded before. */
  private static Counts encodedAgain() {
    try (Fixture fixture = new Fixture("next-llama3-float16");
        LoadedModel model = model(fixture)) {
      Question question = fixture.question("oneImage");
      try (SequenceRunner runner = model.runner(question, PLAN, 1)) {
        return Counts.of(() -> model.fill(runner, question));
      }
    }
  }
}
