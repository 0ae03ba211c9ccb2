package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.transformer.engine.BatchDecoder;
import org.pyramiddrop.transformer.engine.Sampler;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** Rows of a batch against the same questions asked alone. */
final class BatchTest {
  private static final int STEPS = 6;

  static List<String> checkpoints() {
    return Fixture.names();
  }

  /** Six rows that differ in images, length and plan; more than four take the wide product. */
  private static List<Request> rows(Fixture fixture, int tokens) {
    Options options = Options.defaults().withMaxTokens(tokens).withTopLogits(5);
    return List.of(
        new Request(fixture.question("oneImage"), options.withPruning(PruningPlan.none())),
        new Request(
            fixture.question("twoImages"), options.withPruning(PruningPlan.pyramid(3, 0.5))),
        new Request(fixture.question("textOnly"), options.withPruning(PruningPlan.fastV(2, 0.5))),
        new Request(
            fixture.question("oneImage"), options.withPruning(PruningPlan.released(2, 0.4))),
        new Request(fixture.question("twoImages"), options.withPruning(PruningPlan.fastV(1, 0.3))),
        new Request(fixture.question("oneImage"), options.withMaxTokens(2)));
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void everyStepOfARowHasTheLogitsItHasAlone(String name) {
    try (Fixture fixture = new Fixture(name);
        LoadedModel model = TestDevice.load(fixture.folder());
        BatchDecoder batch = new BatchDecoder(model.kernels(), model.decoder())) {
      List<SequenceRunner> together = new ArrayList<>();
      List<SequenceRunner> alone = new ArrayList<>();
      Sampler sampler = new Sampler(Sampling.greedy());
      try {
        for (Request row : rows(fixture, STEPS)) {
          for (List<SequenceRunner> runners : List.of(together, alone)) {
            SequenceRunner runner = model.runner(row.question(), row.options().pruning(), STEPS);
            runners.add(runner);
            runner.prefill(model.prompt(row.question()), sampler);
          }
        }
        for (int step = 0; step < STEPS; step++) {
          // From the third step on the last row has left.
          List<SequenceRunner> active = together.subList(0, step < 2 ? 6 : 5);
          for (SequenceRunner runner : active) {
            runner.prepareStep(step, sampler);
          }
          List<Integer> tokens = batch.step(active);
          for (int row = 0; row < active.size(); row++) {
            assertThat(tokens.get(row)).isEqualTo(alone.get(row).decodeStep(step, sampler));
            float[] reference = alone.get(row).logits();
            // One row's products are summed apart and added to the residual, a batch's onto it.
            double tolerance = 2e-5 * Math.max(1, Fixture.deviation(reference));
            Fixture.assertClose("row " + row, active.get(row).logits(), reference, tolerance);
          }
        }
      } finally {
        together.forEach(SequenceRunner::close);
        alone.forEach(SequenceRunner::close);
      }
    }
  }

  @Test
  void answersAreThoseOfQuestionsAskedAlone() {
    try (Fixture fixture = new Fixture("gqa-bfloat16-sharded");
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      List<Request> rows = new ArrayList<>(rows(fixture, 8));
      Options options = Options.defaults().withMaxTokens(8);
      for (String plan :
          List.of("visionzip:7+3,pyramid:3:.5", "divprune:9", "cdpruner:7,fastv:2:.5")) {
        PruningPlan cutting = PruningPlan.parse(plan);
        rows.add(3, new Request(fixture.question("twoImages"), options.withPruning(cutting)));
      }
      List<Answer> together = model.askAll(rows);
      IntStream.range(0, rows.size())
          .forEach(i -> {
            Answer alone = model.ask(rows.get(i).question(), rows.get(i).options());
            Answer row = together.get(i);
            assertThat(row.tokenIds()).isEqualTo(alone.tokenIds());
            assertThat(row.text()).isEqualTo(alone.text());
            assertThat(row.finish()).isEqualTo(alone.finish());
            assertThat(row.stages()).isEqualTo(alone.stages());
            assertThat(row.cuts()).isEqualTo(alone.cuts());
            assertThat(row.kvBytes()).isEqualTo(alone.kvBytes());
          });
      assertThat(together.getLast().tokenIds()).hasSize(2);
    }
  }

  @Test
  void seedsAreEachRowsOwn() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      List<Request> rows =
          IntStream.range(0, 3)
              .mapToObj(seed ->
                  new Request(
                      fixture.question("oneImage"),
                      Options.defaults().withMaxTokens(8).withSampling(Sampling.of(2, 1, seed))))
              .toList();
      List<Answer> together = model.askAll(rows);
      for (int i = 0; i < 3; i++) {
        assertThat(together.get(i).tokenIds())
            .isEqualTo(model.ask(rows.get(i).question(), rows.get(i).options()).tokenIds());
      }
      assertThat(together.get(0).tokenIds()).isNotEqualTo(together.get(1).tokenIds());
    }
  }

  @Test
  void aRowThatCannotBeAskedFailsBeforeAnyWork() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      Request good = new Request(fixture.question("oneImage"), Options.defaults());
      Request bad = new Request(Question.raw("<image> and no image"), Options.defaults());
      assertThatThrownBy(() -> model.askAll(List.of(good, bad)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("1 <image> place for 0 images");
      assertThat(model.askAll(List.of())).isEmpty();
    }
  }
}
