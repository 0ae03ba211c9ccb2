package org.pyramiddrop.transformer.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.loader.VisionConfig;

class FlopCounterTest {

  /** Two query heads share a key head; sizes are primes, so that no two terms can be swapped. */
  private static final ModelShape SMALL =
      new ModelShape(7, 11, 6, 4, 2, 3, 13, new ModelShape.Vision(5, 17, 2, 6, 2, 3, 2, true, 5));

  @ParameterizedTest
  @CsvSource({
    "576, 0, 3.82",
    "576, 0.4, 1.54",
    "576, 0.5, 1.78",
    "576, 0.6, 2.06",
    "2880, 0, 20.8",
    "2880, 0.4, 8.22",
    "2880, 0.5, 9.46",
    "2880, 0.6, 11.0",
    "5184, 0, 40.6",
    "5184, 0.5, 18.1",
  })
  void reproducesThePapersTables(int tokens, double lambda, BigDecimal printed) {
    PruningPlan plan = lambda == 0 ? PruningPlan.none() : PruningPlan.pyramid(4, lambda);

    assertThat(paperTera(plan, tokens)).isEqualTo(printed);
  }

  @ParameterizedTest
  @CsvSource({"576, 2.01", "2880, 10.6"})
  void reproducesThePapersFastV(int tokens, BigDecimal printed) {
    assertThat(paperTera(PruningPlan.fastV(2, 0.5), tokens)).isEqualTo(printed);
  }

  @Test
  void thePapersCountAddsUpImagesButDropsFromEach() {
    FlopCounter counter = new FlopCounter(SMALL, PruningPlan.pyramid(2, 0.5).schedule(6));

    double first = 3 * (4 * 8 * 49 + 2 * 64 * 7 + 3 * 8 * 77);
    double second = 3 * (4 * 3 * 49 + 2 * 9 * 7 + 3 * 3 * 77);
    assertThat(counter.paper(List.of(5, 3))).isEqualTo(first + second);
    assertThat(counter.paper(List.of())).isZero();
  }

  @Test
  void theShapeFollowsFromAConfiguration() {
    VisionConfig vision = new VisionConfig(1024, 4096, 24, 16, 336, 14, 3, 1e-5f, "quick_gelu");
    TextConfig text =
        new TextConfig(
            "llama", 4096, 11008, 32, 32, 8, 128, 32064, 4096, 1e-5f, 1e4, "silu", false, false,
            false, Set.of(2));
    LlavaConfig plain =
        new LlavaConfig(
            "llava", vision, text, 32000, List.of(-2), false, "gelu", true, false, List.of());
    LlavaConfig several =
        new LlavaConfig(
            "llava", vision, text, 32000, List.of(3, -2, 7), true, "gelu", true, false, List.of());

    assertThat(ModelShape.of(plain))
        .isEqualTo(
            new ModelShape(4096, 11008, 32, 32, 8, 128, 32064, ModelShape.LLAVA_7B.vision()));
    assertThat(ModelShape.of(plain).vision().tokens()).isEqualTo(576);
    assertThat(ModelShape.of(several).vision())
        .isEqualTo(new ModelShape.Vision(1024, 4096, 23, 336, 14, 3, 3, true, 16));
    assertThat(ModelShape.of(several).vision().tokens()).isEqualTo(577);
  }

  @Test
  void visionCountsThePatchEmbeddingTheLayersThatRunAndTheProjector() {
    FlopCounter counter = new FlopCounter(SMALL, PruningPlan.none().schedule(6));

    double embedding = 9 * 12 * 5;
    double projections = 10 * 4 * 25;
    double attention = 2 * 10 * 10 * 5;
    double feedForward = 10 * 2 * 5 * 17;
    double projector = (9 + 1) * (2 * 5 * 7 + 7 * 7);
    double crop = embedding + 2 * (projections + attention + feedForward) + projector;
    assertThat(counter.vision(1)).isEqualTo(2 * crop);
    assertThat(counter.vision(3)).isEqualTo(6 * crop);
    assertThat(counter.vision(0)).isZero();
  }

  /** Against a walk over every single row and pair that is computed. */
  @ParameterizedTest
  @EnumSource(Ranking.class)
  void prefillEqualsAWalkOverEveryRow(Ranking ranking) {
    Random random = new Random(42);
    for (int round = 0; round < 50; round++) {
      List<Integer> images = new ArrayList<>();
      List<Integer> text = new ArrayList<>();
      text.add(random.nextInt(4));
      for (int i = random.nextInt(3); i > 0; i--) {
        images.add(1 + 2 * random.nextInt(12));
        text.add(1 + random.nextInt(5));
      }
      text.set(text.size() - 1, 1 + random.nextInt(9));
      PromptShape prompt = new PromptShape(text, images, images.size());
      PruningPlan plan =
          switch (round % 3) {
            case 0 -> PruningPlan.none();
            case 1 -> PruningPlan.pyramid(1 + random.nextInt(6), 0.5);
            default -> PruningPlan.explicit(List.of(1, 2, 3, 5), List.of(0.7, 0.5, 0.5, 0.0));
          };
      Schedule schedule = plan.withRanking(ranking).schedule(6);

      assertThat(new FlopCounter(SMALL, schedule).prefill(prompt))
          .as("%s under %s", prompt, schedule)
          .isCloseTo(walk(SMALL, schedule, prompt), within(1e-6));
    }
  }

  @Test
  void aDecodeStepAttendsEachLayersOwnCache() {
    Schedule schedule = PruningPlan.explicit(List.of(1, 4), List.of(0.5, 0.25)).schedule(6);
    PromptShape prompt = PromptShape.of(2, 8, 1, 5);

    double weights = 7 * 12 + 2 * 7 * 6 + 12 * 7 + 3 * 7 * 11;
    double expected = 2 * 7 * 13;
    for (int cached : new int[] {15, 11, 11, 11, 9, 9}) {
      expected += 2 * weights + 2 * 2 * (cached + 3 + 1) * 12;
    }
    assertThat(new FlopCounter(SMALL, schedule).decodeStep(prompt, 3)).isEqualTo(expected);
  }

  @Test
  void theTotalIsVisionAndPrefill() {
    FlopCounter counter = new FlopCounter(SMALL, PruningPlan.pyramid(3, 0.5).schedule(6));
    PromptShape prompt = PromptShape.of(2, 9, 4, 5);

    assertThat(counter.count(prompt))
        .isEqualTo(
            new Flops(counter.paper(List.of(9)), counter.vision(4) + counter.prefill(prompt)));
  }

  @Test
  void aPlanCostsNothingWithoutAnImage() {
    PromptShape text = new PromptShape(List.of(9), List.of(), 0);

    for (Ranking ranking : Ranking.values()) {
      Schedule schedule = PruningPlan.pyramid(3, 0.5).withRanking(ranking).schedule(6);
      assertThat(new FlopCounter(SMALL, schedule).count(text))
          .isEqualTo(new FlopCounter(SMALL, PruningPlan.none().schedule(6)).count(text));
    }
  }

  @Test
  void cutsBeforeTheDecoderCostTheirScoresCosinesAndSumsAndSpareTheProjector() {
    // Two crops of 9 patches and a class token, of one of which padding leaves 4.
    List<ImageShape> images = List.of(new ImageShape(List.of(9, 4), 3));
    FlopCounter counter = new FlopCounter(SMALL, PruningPlan.none().schedule(6));
    double projector = 2 * 7 * (5 * 2 + 7);
    double whole = counter.vision(2);
    double tower = whole - 2 * 10 * projector;

    assertThat(counter.vision(images, PruningPlan.none())).isEqualTo(whole);
    // The first crop keeps 3 and merges 4 into 2; the second keeps 3 and one target.
    double first = 2 * 10 * 5 + 10 * 5 + 2 * 4 * 2 * 1 + 4 * 5 * 2;
    double second = 2 * 10 * 5 + 10 * 5;
    assertThat(counter.vision(images, PruningPlan.visionZip(3, 2)))
        .isCloseTo(tower + first + second + 9 * projector, within(1e-6));
    assertThat(counter.vision(images, PruningPlan.visionZip(3, 0)))
        .isCloseTo(tower + 2 * (2 * 10 * 5) + 6 * projector, within(1e-6));
    assertThat(counter.vision(images, PruningPlan.random(3, 1, new Place.Tower())))
        .isCloseTo(tower + 6 * projector, within(1e-6));
    double pairs = 2 * 16 * 15 / 2.0 * 7;
    assertThat(counter.vision(images, PruningPlan.divPrune(5)))
        .isCloseTo(whole + pairs, within(1e-6));
    double conditional = pairs + 2 * 16 * 7 + 2 * 16 * 5 * 4 / 2.0;
    assertThat(counter.vision(images, PruningPlan.cdPruner(5)))
        .isCloseTo(whole + conditional, within(1e-6));
    assertThat(counter.vision(images, PruningPlan.cdPruner(16))).isEqualTo(whole);
    PruningPlan both = PruningPlan.divPrune(5).then(PruningPlan.cdPruner(2));
    double small = 2 * 5 * 4 / 2.0 * 7 + 2 * 5 * 7 + 2 * 5 * 2 * 1 / 2.0;
    assertThat(counter.vision(images, both)).isCloseTo(whole + pairs + small, within(1e-6));
    assertThat(counter.remade(images, both)).isCloseTo(small, within(1e-6));
    assertThat(counter.remade(images, PruningPlan.divPrune(5))).isZero();
  }

  @ParameterizedTest
  @EnumSource(Ranking.class)
  void chanceRanksNothing(Ranking ranking) {
    PruningPlan ranked = PruningPlan.explicit(List.of(3), List.of(0.4)).withRanking(ranking);
    PruningPlan chance =
        PruningPlan.random(2, 1, new Place.Decoder(new Depth.AtLayer(3))).withRanking(ranking);
    PromptShape prompt = PromptShape.of(2, 5, 1, 3);

    double scores = 2 * (7 * 12 + 10 * 12 + (ranking == Ranking.NEXT_STAGE ? 10 * 7 * 6 : 0));
    assertThat(new FlopCounter(SMALL, chance.schedule(6)).prefill(prompt))
        .isEqualTo(new FlopCounter(SMALL, ranked.schedule(6)).prefill(prompt) - scores);
  }

  @Test
  void refusesAScheduleForAnotherDepthAndLengthsThatDontFit() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new FlopCounter(SMALL, PruningPlan.none().schedule(7)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new PromptShape(List.of(1), List.of(4), 1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new PromptShape(List.of(1, -1), List.of(4), 1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ModelShape.Vision(0, 17, 2, 6, 2, 3, 2, true, 5));
  }

  private static BigDecimal paperTera(PruningPlan plan, int tokens) {
    double paper = new FlopCounter(ModelShape.LLAVA_7B, plan.schedule(32)).paper(List.of(tokens));
    return new BigDecimal(paper / 1e12).round(new MathContext(3));
  }

  private static double walk(ModelShape shape, Schedule schedule, PromptShape prompt) {
    double q = shape.heads() * shape.headSize();
    double kv = shape.kvHeads() * shape.headSize();
    double h = shape.hidden();
    double feedForward = 3 * h * shape.intermediate();
    double products = h * shape.vocab();
    int last = shape.layers() - 1;
    for (int layer = 0; layer < shape.layers(); layer++) {
      int stage = schedule.stageOf(layer);
      boolean first = stage > 0 && schedule.firstLayer(stage) == layer;
      boolean ends = stage + 1 < schedule.stages() && schedule.firstLayer(stage + 1) == layer + 1;
      int length = length(schedule, prompt, stage);
      boolean dropsHere =
          ends
              && schedule.ranking() == Ranking.STAGE_END
              && length(schedule, prompt, stage + 1) < length;
      int position = 0;
      for (int run = 0; run < prompt.text().size(); run++) {
        for (int t = 0; t < prompt.text().get(run); t++) {
          position++;
          boolean asks = layer < last || position == length;
          products += 2 * h * kv;
          products += asks ? h * q + 2 * position * q + q * h + feedForward : 0;
        }
        if (run == prompt.images().size()) {
          break;
        }
        int[] counts = schedule.counts(prompt.images().get(run));
        products += counts[stage] * 2 * h * kv;
        int running = dropsHere ? counts[stage + 1] : counts[stage];
        double middle = position + (counts[stage] + 1) / 2.0;
        products += layer < last ? running * (h * q + 2 * middle * q + q * h + feedForward) : 0;
        position += counts[stage];
      }
      if (dropsHere) {
        products += h * q + length * q;
      }
      if (first && schedule.ranking() == Ranking.NEXT_STAGE) {
        int before = length(schedule, prompt, stage - 1);
        products += before > length ? before * h * kv + h * q + before * q : 0;
      }
    }
    return 2 * products;
  }

  private static int length(Schedule schedule, PromptShape prompt, int stage) {
    int images = prompt.images().stream().mapToInt(n -> schedule.counts(n)[stage]).sum();
    return prompt.textTokens() + images;
  }

  @Test
  void aTrainingStepIsThreeTimesItsProductsAndSevenOfAttention() {
    FlopCounter counter = new FlopCounter(SMALL, PruningPlan.none().schedule(6));
    PromptShape prompt = new PromptShape(List.of(3, 2), List.of(5), 1);

    // 10 tokens, the last 2 of which predict: 9 and 10 keys.
    double layer = 10 * 7 * 12 + 2 * 10 * 7 * 6 + 10 * 7 * (12 + 3 * 11);
    double last = 2 * 7 * 12 + 2 * 10 * 7 * 6 + 2 * 7 * (12 + 3 * 11);
    double head = 2 * 7 * 13;
    double attention = 5 * 7 * 55 * 12 + 7 * (9 + 10) * 12;
    assertThat(counter.trainingStep(prompt, 2, 1, true))
        .isEqualTo(2 * (3 * (5 * layer + last + head) + attention));
    assertThat(counter.trainingStep(prompt, 2, 1, false))
        .isEqualTo(2 * (2 * (5 * layer + last + head) + attention));
  }

  @ParameterizedTest
  @EnumSource(Ranking.class)
  void aTrainingStepRanksByEveryQueryAndRunsKeptTokensBehind(Ranking ranking) {
    Schedule schedule = PruningPlan.pyramid(List.of(3), 0.4).withRanking(ranking).schedule(6);
    PromptShape prompt = new PromptShape(List.of(0, 4), List.of(5), 1);

    // 9 tokens, of which 6 stay. Kept evenly, an image's tokens see 3 keys each.
    boolean inside = ranking == Ranking.STAGE_END;
    double before = linear(9, 9);
    double dropping = inside ? linear(6, 9) : before;
    double pairs = inside ? 2 * 3 + 4 * 5 + 10 : 45;
    double ranks = 2 * 12 * (7 + 9) + (inside ? 0 : 9 * 7 * 6);
    double products = 2 * before + dropping + 2 * linear(6, 6) + linear(3, 6) + 3 * 7 * 13;
    double attention = 7 * 12 * (2 * 45 + pairs + 2 * 21 + (4 + 5 + 6));
    assertThat(new FlopCounter(SMALL, schedule).trainingStep(prompt, 3, 2, true))
        .isEqualTo(2 * (3 * products + attention + ranks));
  }

  /** Multiply-adds of a layer's products: rows from its queries on, and of keys and values. */
  private static double linear(int rows, int keys) {
    return rows * 7 * 12 + 2 * keys * 7 * 6 + rows * 7 * (12 + 3 * 11);
  }
}
