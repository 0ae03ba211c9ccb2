package org.pyramiddrop.bench.speed.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.pruning.CallTimer.Call;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.loader.VisionConfig;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class PlanTimerTest {
  private static final CheckpointShape TINY =
      new CheckpointShape(
          4, 64, 96, 4, 2, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));
  private static final ModelInput INPUT =
      ModelInput.random(TINY.config(), new Resolution(56, 56), 5, 6);
  private static final ImageShape IMAGE = new ImageShape(List.of(16), 0);
  private static final int NEW_TOKENS = 3;

  @TempDir private static Path folder;
  private static final CallTimer TIMER = new CallTimer();
  private static ModelOnDevice decoder;
  private static ModelOnDevice timed;

  @BeforeAll
  static void open() {
    Path checkpoint = folder.resolve("tiny");
    RandomCheckpoint.write(checkpoint, TINY.config(), DType.FLOAT32, 1);
    decoder = ModelOnDevice.open(checkpoint, Optional.empty(), ModelOnDevice.device("cpu", 2));
    timed =
        ModelOnDevice.open(
            checkpoint, Optional.empty(), dtype -> TIMER.wrap(Devices.open("cpu", 2, dtype)));
  }

  @AfterAll
  static void close() {
    decoder.close();
    timed.close();
  }

  static List<NamedPlan> plans() {
    return NamedPlan.before(IMAGE);
  }

  private static List<PlanResult> answers(
      ModelOnDevice on, List<NamedPlan> plans, Runnable done, int rounds) {
    int steps = NEW_TOKENS - 1;
    try (PlanTimer timer = PlanTimer.of(on, plans, plan -> on.answer(INPUT, plan, steps), done)) {
      return timer.answers(steps, rounds, answer -> PlanTimer.time(answer, steps));
    }
  }

  @Test
  void countsEachPlansWork() {
    AtomicInteger runs = new AtomicInteger();
    List<PlanResult> results = answers(decoder, plans(), runs::incrementAndGet, 2);
    assertThat(runs).hasValue(30);
    assertThat(results)
        .extracting(PlanResult::name)
        .containsExactlyElementsOf(plans().stream().map(NamedPlan::name).toList());
    ModelShape model = ModelShape.of(TINY.config());
    for (int i = 0; i < results.size(); i++) {
      PlanResult result = results.get(i);
      PruningPlan plan = plans().get(i).plan();
      FlopCounter counter = new FlopCounter(model, plan.schedule(4));
      PromptShape prompt = PromptShape.of(2, plan.entering(IMAGE), 1, 3);
      double all = counter.count(prompt, List.of(IMAGE), plan).total();
      double steps = counter.decodeStep(prompt, 0) + counter.decodeStep(prompt, 1);
      assertThat(result.work().paperMultiplyAdds()).isEqualTo(counter.paper(prompt.images()));
      assertThat(result.work().visionFlops() + result.work().prefillFlops())
          .isCloseTo(all, within(1e-6));
      assertThat(result.work().answerFlops()).isCloseTo(all + steps, within(1e-6));
      FlopCounter deep = new FlopCounter(ModelWork.with(model, 32), plan.schedule(32));
      double cuts = result.work().prefillFlops() - counter.prefill(prompt);
      assertThat(result.work().deepFlops()).isCloseTo(cuts + deep.prefill(prompt), within(1e-6));
      // What chooses among projected tokens by their numbers costs the prefill something.
      assertThat(cuts > 1).as(result.name()).isEqualTo(result.name().matches("(Div|CDP).*"));
      assertThat(result.millis().get(Phase.PREFILL).count()).isEqualTo(2);
      assertThat(result.millis().get(Phase.VISION).low()).isPositive();
    }
    // λ = 0.5: stages of 16, 8, 4 and 2 tokens, 4d² + 3dm = 34816 multiply-adds a token, and 2n²d.
    assertThat(results.get(3).work().paperMultiplyAdds()).isEqualTo(30 * 34816 + 2 * 64 * 340);
  }

  @Test
  void countsTheBytesOfKeysAndValues() {
    List<PlanResult> results = answers(decoder, plans(), () -> {}, 1);
    // Each layer has room for its stage's image tokens, 5 of text and 2 that steps run on; a token
    // has 2 heads of 16 keys and as many values, 4 bytes each.
    assertThat(results.stream().map(PlanResult::keyValueBytes))
        .containsExactly(
            256L * (4 * 7 + 4 * 16),
            256L * (4 * 7 + 2 * 16 + 2 * 8),
            256L * (4 * 7 + 16 + 6 + 2),
            256L * (4 * 7 + 16 + 8 + 4 + 2),
            256L * (4 * 7 + 16 + 9 + 5 + 3),
            256L * (4 * 7 + 4 * 2),
            256L * (4 * 7 + 2 + 1),
            256L * (4 * 7 + 4),
            256L * (4 * 7 + 4),
            256L * (4 * 7 + 4));
  }

  @Test
  void comparesCutsAtAsManyTokens() {
    ImageShape crop = new ImageShape(List.of(576), 0);
    assertThat(NamedPlan.before(crop))
        .extracting(NamedPlan::name)
        .containsExactly(
            "no drops",
            "FastV K=2 R=0.5",
            "PyramidDrop λ=0.4",
            "PyramidDrop λ=0.5",
            "PyramidDrop λ=0.6",
            "VisionZip 54+10",
            "VisionZip 116+21, PyramidDrop λ=0.5",
            "DivPrune 64",
            "CDPruner 64",
            "random 64");
    ImageShape tiles = new ImageShape(List.of(576, 576, 576, 576, 576), 48);
    for (ImageShape image : List.of(crop, tiles)) {
      List<NamedPlan> cut = NamedPlan.before(image).subList(5, 10);
      assertThat(cut)
          .extracting(named -> Arrays.stream(stages(named, image)).average().orElseThrow())
          .allSatisfy(mean ->
              assertThat(mean).isBetween(0.98 * means(cut, image), 1.02 * means(cut, image)));
    }
  }

  private static int[] stages(NamedPlan named, ImageShape image) {
    return named.plan().schedule(32).counts(named.plan().entering(image));
  }

  private static double means(List<NamedPlan> cut, ImageShape image) {
    return stages(cut.getFirst(), image)[0];
  }

  @Test
  void aGivenPlanStandsBesideNoDropsUnderItsOwnName() {
    List<NamedPlan> given =
        NamedPlan.given(List.of("divprune:3", "fastv:2:.5"), PlanTimerTest::plans);
    assertThat(given)
        .containsExactly(
            plans().getFirst(),
            new NamedPlan("divprune:3", "divprune:3", PruningPlan.divPrune(3)),
            new NamedPlan("fastv:2:.5", "fastv:2:.5", PruningPlan.fastV(2, 0.5)));
    assertThat(NamedPlan.given(List.of(), PlanTimerTest::plans)).isEqualTo(plans());
  }

  @Test
  void timesOneRunAsAWhole() {
    try (RepeatedAnswer answer = decoder.answer(INPUT, plans().get(3).plan(), 4)) {
      Phases<Double> run = PlanTimer.time(answer, 4);
      assertThat(run.get(Phase.PREFILL)).isPositive();
      assertThat(run.get(Phase.ANSWER))
          .isCloseTo(
              run.get(Phase.VISION) + run.get(Phase.PREFILL) + 4 * run.get(Phase.STEP),
              within(1e-6));
    }
  }

  @Test
  void everyPlanBeginsARoundInItsTurn() {
    // No drops, one drop and three, told apart by how often they select.
    List<NamedPlan> three = List.of(plans().get(0), plans().get(1), plans().get(3));
    List<Long> selections = new ArrayList<>();
    Runnable count =
        () ->
            selections.add(
                TIMER.drain().stream().filter(c -> c.operation().equals("selectTopK")).count());
    TIMER.drain();
    answers(timed, three, count, 3);
    assertThat(selections).containsExactly(0L, 1L, 3L, 1L, 3L, 0L, 3L, 0L, 1L, 0L, 1L, 3L);
  }

  @Test
  void onlyDropsRankSelectAndGather() {
    List<Breakdown.Shares> shares;
    try (PlanTimer timer =
        PlanTimer.of(timed, plans(), plan -> timed.answer(INPUT, plan, 0), () -> {})) {
      shares = timer.breakdowns(TIMER, 1);
    }
    for (Breakdown.Shares plan : shares) {
      boolean drops = plan.name().contains("FastV") || plan.name().contains("Pyramid");
      for (Breakdown.Part part :
          List.of(Breakdown.Part.RANKING, Breakdown.Part.SELECTION, Breakdown.Part.GATHER)) {
        double share = plan.share(part).median();
        assertThat(share > 0).as("%s under %s", part, plan.name()).isEqualTo(drops);
      }
      assertThat(plan.share(Breakdown.Part.CUTS).median() > 0)
          .as(plan.name())
          .isEqualTo(plan.name().matches("(Div|CDP).*"));
      assertThat(plan.share(Breakdown.Part.PRODUCTS).median()).isPositive();
      assertThat(plan.shares().values().stream().mapToDouble(s -> s.median()).sum())
          .isCloseTo(1, within(1e-9));
    }
  }

  @Test
  void aDropsCallsAreThoseThatTheBreakdownExpects() {
    List<Call> calls;
    try (RepeatedAnswer answer = timed.answer(INPUT, plans().get(3).plan(), 0)) {
      answer.encode();
      TIMER.drain();
      answer.prefill();
      calls = TIMER.drain().stream().map(call -> new Call(call.operation(), 1)).toList();
    }
    Map<String, Long> counts =
        calls.stream().collect(Collectors.groupingBy(Call::operation, Collectors.counting()));
    assertThat(counts).containsEntry("scoreTokens", 3L).containsEntry("selectTopK", 3L);
    Breakdown breakdown = Breakdown.of(calls, calls.size());
    // For each of three drops: query, rotation and scores; hidden states, positions, normed rows.
    assertThat(breakdown.nanos())
        .containsEntry(Breakdown.Part.RANKING, 9L)
        .containsEntry(Breakdown.Part.SELECTION, 3L)
        .containsEntry(Breakdown.Part.GATHER, 9L);
  }

  @ParameterizedTest
  @MethodSource("plans")
  void timingChangesNoResult(NamedPlan named) {
    List<float[]> plain = logits(decoder, named);
    List<float[]> wrapped = logits(timed, named);
    assertThat(plain).hasSize(3);
    for (int i = 0; i < plain.size(); i++) {
      assertThat(plain.get(i)).doesNotContain(Float.NaN);
      assertThat(wrapped.get(i)).containsExactly(plain.get(i));
    }
  }

  @Test
  void anAnswerThatBeginsAgainIsTheSame() {
    try (RepeatedAnswer answer = decoder.answer(INPUT, plans().get(6).plan(), 2)) {
      answer.encode();
      List<Integer> once = List.of(answer.prefill(), answer.decodeStep(), answer.decodeStep());
      float[] last = answer.logits();
      List<Integer> again = List.of(answer.prefill(), answer.decodeStep(), answer.decodeStep());
      assertThat(again).isEqualTo(once);
      assertThat(answer.logits()).containsExactly(last);
    }
  }

  /** Those of a first token and of two steps after it. */
  private static List<float[]> logits(ModelOnDevice on, NamedPlan named) {
    List<float[]> all = new ArrayList<>();
    try (RepeatedAnswer answer = on.answer(INPUT, named.plan(), 2)) {
      answer.encode();
      answer.prefill();
      all.add(answer.logits());
      for (int i = 0; i < 2; i++) {
        answer.decodeStep();
        all.add(answer.logits());
      }
    }
    return all;
  }
}
