package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.transformer.TokenListener.Phase;

/** What is heard of vision and prefill on the CPU, and how both end in the middle. */
final class CancellationTest {
  private static final Options FOUR = Options.defaults().withMaxTokens(4);

  /** Vision layers, all crops; prefill layers. */
  private record Work(int vision, int prefill) {
    static Work of(Llava model, Question question) {
      int crops =
          question.images().stream().mapToInt(image -> model.view(image).layout().crops()).sum();
      int states = model.config().vision().layers() + 1;
      int deepest =
          model.config().visionFeatureLayers().stream()
              .mapToInt(layer -> layer < 0 ? layer + states : layer)
              .max()
              .orElseThrow();
      return new Work(crops * deepest, model.config().text().layers());
    }
  }

  private static Llava load(Fixture fixture) {
    return Llava.load(fixture.folder(), LoadOptions.defaults().withBackend(Backend.CPU));
  }

  private static List<Integer> upTo(int last) {
    return IntStream.rangeClosed(1, last).boxed().toList();
  }

  static Stream<String> fixtures() {
    return Stream.of("mha-float32", "gqa-float32-sharded-oldnames", "next-vicuna-float32");
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void everyLayerIsHeardOnTheThreadThatAsks(String name) {
    try (Fixture fixture = new Fixture(name);
        Llava model = load(fixture)) {
      Question question = fixture.question("twoImages");
      Work work = Work.of(model, question);
      Heard heard = new Heard((phase, done, total) -> true);
      Answer answer = model.ask(question, FOUR, heard);
      assertThat(answer.tokenIds()).isEqualTo(model.ask(question, FOUR).tokenIds());
      assertThat(heard.done(Phase.VISION)).isEqualTo(upTo(work.vision()));
      assertThat(heard.done(Phase.PREFILL)).isEqualTo(upTo(work.prefill()));
      for (Heard.Call call : heard.calls()) {
        assertThat(call.total())
            .isEqualTo(call.phase() == Phase.VISION ? work.vision() : work.prefill());
        assertThat(call.thread()).isSameAs(Thread.currentThread());
      }
      // Images first.
      assertThat(heard.calls().get(work.vision()).phase()).isEqualTo(Phase.PREFILL);
    }
  }

  @Test
  void withoutImagesOnlyThePrefillIsHeard() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = load(fixture)) {
      Heard heard = new Heard((phase, done, total) -> true);
      model.ask(fixture.question("textOnly"), FOUR, heard);
      assertThat(heard.done(Phase.VISION)).isEmpty();
      assertThat(heard.done(Phase.PREFILL)).isEqualTo(upTo(model.config().text().layers()));
    }
  }

  /** Fixtures, and some layers of both phases, the first and the last among them. */
  static Stream<Arguments> places() {
    Random random = new Random();
    return fixtures()
        .flatMap(name ->
            Stream.of(Phase.values())
                .flatMap(phase ->
                    Stream.of(0.0, random.nextDouble(), 1.0)
                        .map(share -> Arguments.of(name, phase, share))));
  }

  private static int place(Work work, Phase phase, double share) {
    int layers = phase == Phase.VISION ? work.vision() : work.prefill();
    return 1 + (int) (share * (layers - 1));
  }

  @ParameterizedTest
  @MethodSource("places")
  void anInterruptIsAnsweredBehindTheLayerThatRuns(String name, Phase phase, double share) {
    try (Fixture fixture = new Fixture(name);
        Llava model = load(fixture)) {
      Question question = fixture.question("twoImages");
      List<Integer> expected = model.ask(question, FOUR).tokenIds();
      int layer = place(Work.of(model, question), phase, share);
      Thread asking = Thread.currentThread();
      Heard heard =
          new Heard((at, done, total) -> {
            if (at == phase && done == layer) {
              interruptFromElsewhere(asking);
            }
            return true;
          });
      assertThatThrownBy(() -> model.ask(question, FOUR, heard))
          .isInstanceOf(CancellationException.class)
          .hasMessageStartingWith("interrupted while ");
      assertThat(Thread.interrupted()).isTrue();
      // Not one layer more.
      assertThat(heard.calls().getLast().phase()).isEqualTo(phase);
      assertThat(heard.last(phase)).isEqualTo(layer);
      assertThat(model.ask(question, FOUR).tokenIds()).isEqualTo(expected);
    }
  }

  private static void interruptFromElsewhere(Thread asking) {
    Thread other = Thread.ofPlatform().start(asking::interrupt);
    boolean done = false;
    while (!done) {
      done = !other.isAlive();
      Thread.onSpinWait();
    }
  }

  @Test
  void anInterruptInTheMiddleOfALayerIsAnsweredBehindIt() throws Exception {
    try (Fixture fixture = new Fixture("next-vicuna-float32");
        Llava model = load(fixture)) {
      Question question = fixture.question("twoImages");
      model.ask(question, FOUR);
      Thread asking = Thread.currentThread();
      int[] heardBefore = {0};
      Thread[] other = new Thread[1];
      Heard heard = new Heard((phase, done, total) -> true);
      Heard starting =
          new Heard((phase, done, total) -> {
            heard.onProgress(phase, done, total);
            if (phase == Phase.VISION && done == 2) {
              AtomicBoolean runs = new AtomicBoolean();
              other[0] =
                  Thread.ofPlatform()
                      .start(() -> {
                        runs.set(true);
                        asking.interrupt();
                        heardBefore[0] = heard.count();
                      });
              // Where all cores are taken it may begin when a model so small has answered.
              while (!runs.get()) {
                Thread.onSpinWait();
              }
            }
            return true;
          });
      assertThatThrownBy(() -> model.ask(question, FOUR, starting))
          .isInstanceOf(CancellationException.class);
      assertThat(Thread.interrupted()).isTrue();
      other[0].join();
      assertThat(heard.count()).isLessThanOrEqualTo(heardBefore[0] + 1);
    }
  }

  @ParameterizedTest
  @MethodSource("places")
  void aListenerStopsTheQuestionBehindTheLayerItHears(String name, Phase phase, double share) {
    try (Fixture fixture = new Fixture(name);
        Llava model = load(fixture)) {
      Question question = fixture.question("twoImages");
      List<Integer> expected = model.ask(question, FOUR).tokenIds();
      int layer = place(Work.of(model, question), phase, share);
      Heard heard = new Heard((at, done, total) -> at != phase || done < layer);
      assertThatThrownBy(() -> model.ask(question, FOUR, heard))
          .isInstanceOf(CancellationException.class)
          .hasMessageStartingWith("the listener stopped it while ");
      assertThat(Thread.currentThread().isInterrupted()).isFalse();
      assertThat(heard.last(phase)).isEqualTo(layer);
      assertThat(model.ask(question, FOUR).tokenIds()).isEqualTo(expected);
    }
  }

  @Test
  void anInterruptEndsABatchInTheMiddleOfARow() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = load(fixture)) {
      Request row = new Request(fixture.question("oneImage"), FOUR);
      List<Integer> expected = model.askAll(List.of(row)).getFirst().tokenIds();
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> model.askAll(List.of(row, row)))
          .isInstanceOf(CancellationException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(model.askAll(List.of(row)).getFirst().tokenIds()).isEqualTo(expected);
    }
  }

  @Test
  void aConversationHearsWhatItRunsAndGoesOnBehindAStop() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = load(fixture);
        Conversation conversation = model.converse(FOUR);
        Conversation untroubled = model.converse(FOUR)) {
      Question first =
          Question.of(
              fixture.json().get("prompts").get("oneImage").get("words").asString(),
              List.of(Image.read(fixture.image("wide"))));
      Question second = Question.of("and what is this ?", List.of());
      Work work = Work.of(model, first);
      untroubled.ask(first);

      Heard all = new Heard((phase, done, total) -> true);
      conversation.ask(first, all);
      assertThat(all.done(Phase.VISION)).isEqualTo(upTo(work.vision()));
      assertThat(all.done(Phase.PREFILL)).isEqualTo(upTo(work.prefill()));

      // In the layers that are shared, and in those that aren't.
      for (int layer : new int[] {1, work.prefill() - 1}) {
        Heard stopping = new Heard((phase, done, total) -> done < layer);
        assertThatThrownBy(() -> conversation.ask(second, stopping))
            .isInstanceOf(CancellationException.class)
            .hasMessageStartingWith("the listener stopped it");
        assertThat(stopping.done(Phase.VISION)).isEmpty();
        assertThat(stopping.last(Phase.PREFILL)).isEqualTo(layer);
      }
      Heard again = new Heard((phase, done, total) -> true);
      Reply reply = conversation.ask(second, again);
      assertThat(again.done(Phase.PREFILL)).isEqualTo(upTo(work.prefill()));
      assertThat(reply.reusedTokens()).isPositive();
      assertThat(reply.answer().tokenIds()).isEqualTo(untroubled.ask(second).answer().tokenIds());
    }
  }

  @Test
  void aListenerCanNotAskInTheMiddleOfALayer() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = load(fixture)) {
      Question question = fixture.question("oneImage");
      Heard asking =
          new Heard((phase, done, total) -> model.ask(question, FOUR).tokenIds().isEmpty());
      assertThatThrownBy(() -> model.ask(question, FOUR, asking))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("a listener can't ask the model while it hears of progress");
      assertThat(model.ask(question, FOUR).tokenIds()).hasSize(4);
    }
  }

  @Test
  void aListenerThatThrowsInTheMiddleLeavesTheModelWhole() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = load(fixture)) {
      Question question = fixture.question("oneImage");
      List<Integer> expected = model.ask(question, FOUR).tokenIds();
      for (Phase where : Phase.values()) {
        Heard throwing =
            new Heard((phase, done, total) -> {
              if (phase == where && done == 2) {
                throw new IllegalStateException("a listener's own");
              }
              return true;
            });
        assertThatThrownBy(() -> model.ask(question, FOUR, throwing))
            .hasMessage("a listener's own");
        assertThat(model.ask(question, FOUR).tokenIds()).isEqualTo(expected);
      }
    }
  }
}
