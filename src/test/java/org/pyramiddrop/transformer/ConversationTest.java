package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.transformer.pruning.Cut;
import org.pyramiddrop.transformer.pruning.Depth;
import org.pyramiddrop.transformer.pruning.Place;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Ranking;
import org.pyramiddrop.transformer.pruning.Schedule;

/** Follow-up questions against fresh runs of the whole conversation. */
final class ConversationTest {
  private static final Options SIX = Options.defaults().withMaxTokens(6).withTopLogits(20);

  private static List<PruningPlan> plans() {
    PruningPlan pyramid = PruningPlan.pyramid(3, 0.5);
    List<PruningPlan> plans =
        List.of(
            pyramid,
            pyramid.withPositions(Positions.KEEP),
            pyramid.withRanking(Ranking.NEXT_STAGE),
            PruningPlan.fastV(1, 0.5),
            PruningPlan.released(2, 0.4),
            PruningPlan.none(),
            PruningPlan.visionZip(7, 3).then(pyramid),
            PruningPlan.divPrune(11),
            PruningPlan.cdPruner(9).then(pyramid),
            PruningPlan.visionZip(9, 4)
                .then(PruningPlan.divPrune(11))
                .then(PruningPlan.cdPruner(6)),
            PruningPlan.random(8, 5).then(PruningPlan.random(4, 6, afterTwo())));
    return plans;
  }

  private static Place afterTwo() {
    return new Place.Decoder(new Depth.AtLayer(2));
  }

  static Stream<Arguments> cases() {
    return Stream.of("mha-float32", "gqa-bfloat16-sharded")
        .flatMap(name -> plans().stream().map(plan -> Arguments.of(name, plan)));
  }

  private static Question words(Fixture fixture, String prompt, List<Image> images) {
    return Question.of(fixture.json().get("prompts").get(prompt).get("words").asString(), images);
  }

  /** The conversation so far as one raw prompt. */
  private static Question fresh(Fixture fixture, List<ChatTurn> turns, List<Image> images) {
    return new Question(ChatTemplate.read(fixture.folder()).render(turns, true), images, true);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyReplyIsThatOfAFreshRun(String name, PruningPlan plan) {
    Options options = SIX.withPruning(plan);
    try (Fixture fixture = new Fixture(name);
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Conversation conversation = model.converse(options)) {
      Image wide = Image.read(fixture.image("wide"));
      Image upright = Image.read(fixture.image("upright"));
      List<Question> questions =
          List.of(
              words(fixture, "oneImage", List.of(wide)),
              words(fixture, "textOnly", List.of()),
              words(fixture, "oneImage", List.of(upright)),
              words(fixture, "twoImages", List.of()));
      List<ChatTurn> turns = new ArrayList<>();
      List<Image> shown = new ArrayList<>();
      int before = 0;
      for (Question question : questions) {
        turns.add(new ChatTurn(Role.USER, question.images().size(), question.prompt()));
        shown.addAll(question.images());
        Answer expected = model.ask(fresh(fixture, turns, shown), options);
        Reply reply = conversation.ask(question);
        Answer actual = reply.answer();
        assertThat(actual.tokenIds()).isEqualTo(expected.tokenIds());
        assertThat(actual.stages()).isEqualTo(expected.stages());
        assertThat(actual.cuts()).isEqualTo(expected.cuts());
        assertThat(actual.flops()).isEqualTo(expected.flops());
        for (int i = 0; i < 20; i++) {
          assertThat(actual.logits().get(i).id()).isEqualTo(expected.logits().get(i).id());
          assertThat(actual.logits().get(i).value())
              .isCloseTo(expected.logits().get(i).value(), within(1e-5f));
        }
        if (before == 0) {
          assertThat(reply.reusedTokens()).isZero();
          assertThat(reply.saved()).isZero();
        } else if (reply.reusedLayers() > 0) {
          // All of the last prompt but, at most, what its template ends with.
          assertThat(reply.reusedTokens()).isBetween(before - 4, before);
          assertThat(reply.saved()).isBetween(0.0, 1.0).isNotZero();
        }
        before =
            actual.promptTokens() - actual.imageTokens() + actual.stages().getFirst().imageTokens();
        turns.add(new ChatTurn(Role.ASSISTANT, 0, actual.text()));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"mha-float32", "gqa-bfloat16-sharded"})
  void underOtherOptionsEveryReplyIsStillThatOfAFreshRun(String name) {
    try (Fixture fixture = new Fixture(name);
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Conversation conversation = model.converse(SIX.withPruning(plans().getFirst()))) {
      int layers = model.config().text().layers();
      List<ChatTurn> turns = new ArrayList<>();
      List<Image> images = new ArrayList<>();
      int kept = -1;
      List<Cut> cuts = List.of();
      String system = "";
      // Each plan twice in a row, and once with standing instructions that change in between.
      for (int turn = 0; turn < 2 * plans().size() + 1; turn++) {
        PruningPlan plan = plans().get(turn / 2 % plans().size());
        String nextSystem = turn == 2 * plans().size() ? "You are brief ." : "";
        Options options = SIX.withPruning(plan).withMaxTokens(2);
        conversation.setOptions(options.withSystemPrompt(nextSystem));
        List<Image> more = turn == 0 ? List.of(Image.read(fixture.image("wide"))) : List.of();
        Question question = words(fixture, turn % 3 == 0 ? "oneImage" : "textOnly", more);
        images.addAll(more);
        turns.add(new ChatTurn(Role.USER, more.size(), question.prompt()));
        List<ChatTurn> all = new ArrayList<>(turns);
        if (!nextSystem.isEmpty()) {
          all.addFirst(new ChatTurn(Role.SYSTEM, 0, nextSystem));
        }
        Reply reply = conversation.ask(question);
        Answer expected = model.ask(fresh(fixture, all, images), options);
        assertThat(reply.answer().tokenIds()).as("turn %d", turn).isEqualTo(expected.tokenIds());
        assertThat(reply.answer().stages()).isEqualTo(expected.stages());
        assertThat(reply.answer().cuts()).isEqualTo(expected.cuts());
        for (int i = 0; i < 20; i++) {
          assertThat(reply.answer().logits().get(i).value())
              .isCloseTo(expected.logits().get(i).value(), within(1e-4f));
        }
        int shared = sharedLayers(plan, layers);
        boolean same =
            shared == kept
                && shared > 0
                && nextSystem.equals(system)
                && plan.cutsBeforeDecoder().equals(cuts)
                && plan.cutsHeldBetweenQuestions().equals(cuts);
        assertThat(reply.reusedTokens() > 0).as("turn %d reuses", turn).isEqualTo(same);
        assertThat(reply.reusedLayers()).isEqualTo(same ? shared : 0);
        kept = shared;
        cuts = plan.cutsBeforeDecoder();
        system = nextSystem;
        turns.add(new ChatTurn(Role.ASSISTANT, 0, reply.answer().text()));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"mha-float32", "next-vicuna-float32"})
  void aCutThatReadsTheQuestionIsMadeAnewWithoutTheVisionTower(String name) {
    PruningPlan plan = PruningPlan.visionZip(9, 2).then(PruningPlan.cdPruner(6));
    try (Fixture fixture = new Fixture(name);
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Conversation conversation = model.converse(SIX.withPruning(plan))) {
      Image wide = Image.read(fixture.image("wide"));
      Heard first = new Heard((phase, done, total) -> true);
      Heard second = new Heard((phase, done, total) -> true);
      Reply one = conversation.ask(words(fixture, "oneImage", List.of(wide)), first);
      Reply two = conversation.ask(words(fixture, "textOnly", List.of()), second);
      assertThat(first.last(TokenListener.Phase.VISION)).isPositive();
      assertThat(second.done(TokenListener.Phase.VISION)).isEmpty();
      assertThat(two.answer().cuts().getFirst()).isEqualTo(one.answer().cuts().getFirst());
      assertThat(two.reusedTokens()).isZero();
      assertThat(two.saved()).isPositive();
    }
  }

  /** Layers that run before a plan's first ranking; without drops all but the last. */
  private static int sharedLayers(PruningPlan plan, int layers) {
    Schedule schedule = plan.schedule(layers);
    if (schedule.stages() == 1) {
      return layers - 1;
    }
    return schedule.firstLayer(1) - (plan.ranking() == Ranking.STAGE_END ? 1 : 0);
  }

  @Test
  void refusesOptionsThatDoNotFitAndGoesOnUnderTheOldOnes() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Conversation conversation = model.converse(SIX)) {
      Options deep = SIX.withPruning(PruningPlan.pyramid(List.of(40), 0.5));
      assertThatThrownBy(() -> conversation.setOptions(deep))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("drop layer 40");
      Question question = words(fixture, "textOnly", List.of());
      assertThatThrownBy(() ->
              conversation.ask(
                  question,
                  (id, text) -> {
                    conversation.setOptions(SIX);
                    return true;
                  }))
          .hasMessage("the conversation is answering another question");
      assertThat(conversation.ask(question).answer().tokenIds()).hasSize(6);
    }
  }

  @Test
  void aQuestionThatFailsIsAsIfItHadNotBeenAsked() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Conversation conversation = model.converse(SIX);
        Conversation untroubled = model.converse(SIX)) {
      Question first = words(fixture, "oneImage", List.of(Image.read(fixture.image("wide"))));
      Question second = words(fixture, "textOnly", List.of());
      conversation.ask(first);
      untroubled.ask(first);
      assertThatThrownBy(() -> conversation.ask(Question.of("an <image> here")))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> conversation.ask(Question.raw("raw")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("raw");
      assertThatThrownBy(() ->
              conversation.ask(
                  second,
                  (id, text) -> {
                    throw new IllegalStateException("a listener's own");
                  }))
          .hasMessage("a listener's own");
      Reply reply = conversation.ask(second);
      assertThat(reply.answer().tokenIds()).isEqualTo(untroubled.ask(second).answer().tokenIds());
      assertThat(reply.reusedTokens()).isPositive();
    }
  }

  @Test
  void closingItInTheMiddleOfAnAnswerEndsNothingButItself() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Conversation untroubled = model.converse(SIX)) {
      Question first = words(fixture, "oneImage", List.of(Image.read(fixture.image("wide"))));
      Question second = words(fixture, "textOnly", List.of());
      Conversation conversation = model.converse(SIX);
      conversation.ask(first);
      untroubled.ask(first);
      Reply reply =
          conversation.ask(
              second,
              (id, text) -> {
                conversation.close();
                return true;
              });
      assertThat(reply.answer().tokenIds()).isEqualTo(untroubled.ask(second).answer().tokenIds());
      assertThatThrownBy(() -> conversation.ask(second)).hasMessage("the conversation is closed");
    }
  }

  @Test
  void refusesAQuestionWhileItAnswersAnother() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Conversation conversation = model.converse(SIX)) {
      Question question = words(fixture, "textOnly", List.of());
      assertThatThrownBy(() ->
              conversation.ask(
                  question,
                  (id, text) -> {
                    conversation.ask(question);
                    return true;
                  }))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the conversation is answering another question");
      assertThat(conversation.ask(question).answer().tokenIds()).hasSize(6);
    }
  }

  @Test
  void endsWithItsModel() {
    try (Fixture fixture = new Fixture("mha-float32")) {
      Llava model = Llava.load(fixture.folder(), TestDevice.options());
      Conversation conversation = model.converse(SIX);
      conversation.ask(words(fixture, "textOnly", List.of()));
      model.close();
      conversation.close();
      assertThatThrownBy(() -> conversation.ask(words(fixture, "textOnly", List.of())))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the model is closed");
    }
  }

  @Test
  void refusesQuestionsOnceItIsClosed() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      Conversation conversation = model.converse(SIX);
      conversation.ask(words(fixture, "textOnly", List.of()));
      conversation.close();
      conversation.close();
      assertThatThrownBy(() -> conversation.ask(words(fixture, "textOnly", List.of())))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the conversation is closed");
      assertThatThrownBy(() -> conversation.setOptions(SIX))
          .hasMessage("the conversation is closed");
    }
  }
}
