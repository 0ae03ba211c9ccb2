package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.JsonNode;

/** The public entry, over a small random checkpoint whose answers never stop by themselves. */
final class LlavaTest {
  private static final Fixture FIXTURE = new Fixture("gqa-bfloat16-sharded");
  private static final Options TWELVE = Options.defaults().withMaxTokens(12);

  private static Llava load() {
    return Llava.load(FIXTURE.folder(), LoadOptions.defaults().withBackend(Backend.CPU));
  }

  private static Question question() {
    return FIXTURE.question("oneImage");
  }

  @Test
  void everyThreadGetsTheAnswerItWouldGetAlone() throws Exception {
    List<PruningPlan> plans =
        List.of(
            PruningPlan.none(),
            PruningPlan.pyramid(3, 0.5),
            PruningPlan.fastV(2, 0.5),
            PruningPlan.released(3, 0.7));
    try (Llava model = load();
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Answer> alone =
          plans.stream().map(p -> model.ask(question(), TWELVE.withPruning(p))).toList();
      List<Future<Answer>> together = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        PruningPlan plan = plans.get(i % plans.size());
        together.add(threads.submit(() -> model.ask(question(), TWELVE.withPruning(plan))));
      }
      for (int i = 0; i < together.size(); i++) {
        Answer expected = alone.get(i % plans.size());
        Answer actual = together.get(i).get(2, TimeUnit.MINUTES);
        assertThat(actual.tokenIds()).isEqualTo(expected.tokenIds());
        assertThat(actual.stages()).isEqualTo(expected.stages());
      }
    }
  }

  @Test
  void streamsTheTextThatItReturns() {
    try (Llava model = load()) {
      StringBuilder streamed = new StringBuilder();
      List<Integer> ids = new ArrayList<>();
      Answer answer =
          model.ask(
              question(),
              TWELVE,
              (id, text) -> {
                ids.add(id);
                streamed.append(text);
                return true;
              });
      assertThat(streamed).hasToString(answer.text());
      assertThat(ids).startsWith(answer.tokenIds().toArray(Integer[]::new));
      assertThat(answer.tokenIds()).hasSize(12);
      assertThat(answer.finish()).isEqualTo(Finish.LENGTH);
    }
  }

  @Test
  void aListenerEndsTheAnswer() {
    try (Llava model = load()) {
      Answer answer = model.ask(question(), TWELVE, (id, text) -> false);
      assertThat(answer.finish()).isEqualTo(Finish.CANCELLED);
      assertThat(answer.tokenIds()).hasSize(1);
    }
  }

  @Test
  void anInterruptEndsTheAnswerAndStaysSet() {
    try (Llava model = load()) {
      List<Integer> heard = new ArrayList<>();
      Answer answer =
          model.ask(
              question(),
              TWELVE,
              (id, text) -> {
                heard.add(id);
                if (heard.size() == 3) {
                  Thread.currentThread().interrupt();
                }
                return true;
              });
      assertThat(Thread.interrupted()).isTrue();
      assertThat(answer.finish()).isEqualTo(Finish.CANCELLED);
      assertThat(answer.tokenIds()).hasSize(3);

      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> model.ask(question(), TWELVE))
          .isInstanceOf(CancellationException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(model.ask(question(), TWELVE).tokenIds()).hasSize(12);
    }
  }

  @Test
  void closingEndsARunningAnswerAndLetsNoNewOneIn() throws Exception {
    Llava model = load();
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch closing = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newSingleThreadExecutor()) {
      Future<Answer> running =
          threads.submit(() ->
              model.ask(
                  question(),
                  TWELVE,
                  (id, text) -> {
                    started.countDown();
                    awaitQuietly(closing);
                    return true;
                  }));
      assertThat(started.await(1, TimeUnit.MINUTES)).isTrue();
      Thread closer = Thread.ofPlatform().start(model::close);
      while (closer.getState() != Thread.State.WAITING) {
        Thread.onSpinWait();
      }
      closing.countDown();
      assertThatThrownBy(() -> running.get(1, TimeUnit.MINUTES))
          .hasRootCauseInstanceOf(IllegalStateException.class)
          .hasMessageContaining("the model is closed");
      closer.join();
    }
    assertThatThrownBy(() -> model.ask(question())).hasMessage("the model is closed");
    model.close();
  }

  @Test
  void refusesToBeClosedByAListener() {
    try (Llava model = load()) {
      Runnable close = model::close;
      assertThatThrownBy(() ->
              model.ask(
                  question(),
                  TWELVE,
                  (id, text) -> {
                    close.run();
                    return true;
                  }))
          .hasMessageContaining("a listener can't close the model");
      assertThat(model.ask(question(), TWELVE).tokenIds()).hasSize(12);
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void equalSeedsGiveEqualAnswersAndOthersDiffer() {
    try (Llava model = load()) {
      Options hot = TWELVE.withSampling(Sampling.of(1.5, 0.95, 7));
      Answer first = model.ask(question(), hot);
      assertThat(model.ask(question(), hot).tokenIds()).isEqualTo(first.tokenIds());
      Options other = TWELVE.withSampling(Sampling.of(1.5, 0.95, 8));
      assertThat(model.ask(question(), other).tokenIds()).isNotEqualTo(first.tokenIds());
    }
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.transformer.Fixture#names")
  void answersFromImageFilesAndWordsAsTheReferenceDoes(String name) {
    LoadOptions load = LoadOptions.defaults().withBackend(Backend.CPU);
    try (Fixture fixture = new Fixture(name);
        Llava model = Llava.load(fixture.folder(), load)) {
      Options unpruned = TWELVE.withPruning(PruningPlan.none());
      for (String prompt : List.of("oneImage", "textOnly", "twoImages")) {
        JsonNode expected = fixture.json().get("prompts").get(prompt);
        List<Image> images = fixture.question(prompt).images();
        Question question = Question.of(expected.get("words").asString(), images);
        Answer answer = model.ask(question, unpruned);
        assertThat(answer.tokenIds()).isEqualTo(fixture.tokens(expected));
        assertThat(answer.text()).isEqualTo(expected.get("answer").asString());
        assertThat(answer.promptTokens()).isEqualTo(expected.get("inputIds").size());
      }
      String pruned = "pyramid-stageEnd-renumber";
      Options options = TWELVE.withPruning(fixture.plan(pruned));
      assertThat(model.ask(fixture.question("oneImage"), options).tokenIds())
          .isEqualTo(fixture.tokens(fixture.pruned(pruned)));
    }
  }

  @Test
  void widenedWeightsGiveTheSameLogits() {
    try (Llava stored = load();
        Llava widened =
            Llava.load(FIXTURE.folder(), new LoadOptions(Backend.CPU, WeightType.FLOAT32, 2))) {
      assertThat(stored.dtype()).isEqualTo("bfloat16");
      assertThat(widened.dtype()).isEqualTo("float32");
      Options options = TWELVE.withTopLogits(5);
      List<TokenLogit> expected = stored.ask(question(), options).logits();
      List<TokenLogit> actual = widened.ask(question(), options).logits();
      for (int i = 0; i < 5; i++) {
        assertThat(actual.get(i).id()).isEqualTo(expected.get(i).id());
        assertThat(Math.abs(actual.get(i).value() - expected.get(i).value())).isLessThan(1e-5f);
      }
    }
  }

  @Test
  void keepsKeysAndValuesOnlyForTheTokensOfEachStage() {
    try (Llava model = load()) {
      Answer answer = model.ask(question(), TWELVE.withPruning(PruningPlan.pyramid(3, 0.5)));
      int text = answer.promptTokens() - answer.imageTokens();
      long tokens = 0;
      for (int layer = 0; layer < 7; layer++) {
        int image = layer < 2 ? 36 : layer < 4 ? 18 : 9;
        tokens += text + image + 11;
      }
      assertThat(answer.kvBytes()).isEqualTo(tokens * 2 * 2 * 10 * Float.BYTES);
    }
  }

  @Test
  void attentionMapsExplainWhichTokensStay() {
    PruningPlan plan = PruningPlan.pyramid(List.of(3), 0.4);
    try (Llava model = load()) {
      Question twoImages = FIXTURE.question("twoImages");
      List<Stage> stages = model.ask(twoImages, TWELVE.withPruning(plan)).stages();
      AttentionMap map = model.attention(twoImages, List.of(2)).getFirst();
      assertThat(map.images()).hasSize(2);
      for (int i = 0; i < 2; i++) {
        List<Float> attention = map.images().get(i);
        List<Integer> kept = stages.get(1).kept().get(i);
        List<Integer> highest =
            IntStream.range(0, attention.size())
                .boxed()
                .sorted(Comparator.comparingDouble((Integer token) -> -attention.get(token)))
                .limit(kept.size())
                .sorted()
                .toList();
        assertThat(kept).isEqualTo(highest).hasSizeLessThan(attention.size());
      }
    }
  }

  @Test
  void refusesAttentionOfALayerThereIsNot() {
    try (Llava model = load()) {
      int layers = model.config().text().layers();
      assertThatThrownBy(() -> model.attention(question(), List.of(0, layers)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("there is no layer %d; the decoder has 0 to %d", layers, layers - 1);
    }
  }

  @Test
  void anInterruptEndsTheLookAndTheModelGoesOn() {
    try (Llava model = load()) {
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> model.attention(question(), List.of(0)))
          .isInstanceOf(CancellationException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(model.ask(question(), TWELVE).tokenIds()).hasSize(12);
    }
  }

  @Test
  void answersWithoutAnyImageTokenLeft() {
    try (Llava model = load()) {
      PruningPlan plan = PruningPlan.explicit(List.of(1, 3), List.of(0.5, 0.0));
      Answer answer = model.ask(question(), TWELVE.withPruning(plan));
      assertThat(answer.stages().get(2).kept()).containsExactly(List.of());
      assertThat(answer.tokenIds()).hasSize(12);
    }
  }

  @Test
  void refusesAPromptThatLeavesNoRoom() {
    try (Llava model = load()) {
      int limit = model.config().text().maxPositions();
      Question longer = Question.of("word ".repeat(limit));
      assertThatThrownBy(() -> model.ask(longer))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("the model's context holds " + limit);
    }
  }

  @Test
  void refusesAPromptWithoutAPlaceForEachImage() {
    try (Llava model = load()) {
      Image image = Image.read(FIXTURE.image("wide"));
      assertThatThrownBy(
              () -> model.ask(new Question("USER: what ? ASSISTANT:", List.of(image), true)))
          .hasMessage("the prompt has 0 <image> places for 1 image");
      assertThatThrownBy(() -> model.ask(new Question("<image> what", List.of(), true)))
          .hasMessage("the prompt has 1 <image> place for 0 images");
      assertThatThrownBy(() -> model.ask(Question.of("what is <image> ?", List.of(image))))
          .hasMessageContaining("the prompt contains <image>");
    }
  }

  @Test
  void refusesAPlanThatDoesNotFitTheModel() {
    try (Llava model = load()) {
      for (int layer : new int[] {0, 7}) {
        Options options = TWELVE.withPruning(PruningPlan.pyramid(List.of(layer), 0.5));
        assertThatThrownBy(() -> model.ask(question(), options))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("drop layer " + layer);
      }
    }
  }

  @Test
  void aQuestionOfTurnsIsThatOfTheWholeConversation() {
    try (Fixture fixture = new Fixture("next-llama3-float16");
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      Image wide = Image.read(fixture.image("wide"));
      Image upright = Image.read(fixture.image("upright"));
      List<ChatTurn> all =
          List.of(
              new ChatTurn(Role.USER, 1, "the dog"),
              new ChatTurn(Role.ASSISTANT, 0, "a cat"),
              new ChatTurn(Role.SYSTEM, 0, "be brief"),
              new ChatTurn(Role.USER, 1, "a house"));
      List<Image> images = List.of(wide, upright);
      String whole = ChatTemplate.read(fixture.folder()).render(all, true);
      Options options = Options.defaults().withMaxTokens(4).withTopLogits(5);
      Answer answer = model.ask(Question.ofTurns(all, images), options);
      Answer expected = model.ask(new Question(whole, images, true), options);
      assertThat(answer.tokenIds()).isEqualTo(expected.tokenIds());
      assertThat(answer.logits()).isEqualTo(expected.logits());
      assertThat(answer.stages()).isEqualTo(expected.stages());
      assertThatThrownBy(() -> Question.ofTurns(all, List.of(wide)))
          .hasMessage("the turns have 2 images, and 1 are given");
      assertThatThrownBy(() -> Question.ofTurns(all.subList(0, 2), List.of(wide)))
          .hasMessageStartingWith("the last turn of a conversation must be the user's");
      assertThatThrownBy(() -> new Question(whole, images, true, all))
          .hasMessageStartingWith("a raw question is the whole prompt");
    }
  }
}
