package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.kernels.cuda.TestGpu;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.TokenListener.Phase;

/** What is heard of vision and prefill on a GPU, or on the emulated one, and how both end. */
final class CudaCancellationTest {
  private static final String BUSY_ROWS = "pyramiddrop.cuda.busyRows";
  private static final Options TWO = Options.defaults().withMaxTokens(2);

  /** Several crops an image. */
  private static final Fixture FIXTURE = new Fixture("next-vicuna-float32");

  @BeforeAll
  static void useTheGpu() {
    TestGpu.prepare();
  }

  @AfterAll
  static void leaveTheGpu() {
    TestGpu.restore();
  }

  private static Llava load() {
    return Llava.load(
        FIXTURE.folder(),
        LoadOptions.defaults().withBackend(Backend.CUDA).withDtype(WeightType.FLOAT32));
  }

  private static int crops(Llava model, Question question) {
    return question.images().stream().mapToInt(image -> model.view(image).layout().crops()).sum();
  }

  /** Crops that go through the tower together are heard together, be it one, some or all. */
  @ParameterizedTest
  @ValueSource(ints = {1, 4, 100})
  void eachPassOfCropsAndThePrefillAreHeardOnTheThreadThatAsks(int most) {
    int patches = LlavaConfig.read(FIXTURE.folder()).vision().patches();
    System.setProperty(BUSY_ROWS, String.valueOf(most * (patches + 1)));
    try (Llava model = load()) {
      Question question = FIXTURE.question("oneImage");
      int crops = crops(model, question);
      assertThat(crops).isGreaterThan(4);
      int passes = Math.ceilDiv(crops, most);
      int each = Math.ceilDiv(crops, passes);
      for (int run = 0; run < 2; run++) {
        Heard heard = new Heard((phase, done, total) -> true);
        Answer answer = model.ask(question, TWO, heard);
        assertThat(answer.tokenIds()).hasSize(2);
        int total = heard.calls().getFirst().total();
        int layers = total / crops;
        assertThat(heard.done(Phase.VISION))
            .isEqualTo(
                IntStream.rangeClosed(1, passes)
                    .map(i -> Math.min(i * each, crops) * layers)
                    .boxed()
                    .toList());
        assertThat(heard.last(Phase.VISION)).isEqualTo(total);
        int prefill = model.config().text().layers();
        assertThat(heard.done(Phase.PREFILL)).containsExactly(prefill);
        assertThat(heard.calls().getLast().total()).isEqualTo(prefill);
        assertThat(heard.calls())
            .allSatisfy(call -> assertThat(call.thread()).isSameAs(Thread.currentThread()));
      }
    } finally {
      System.clearProperty(BUSY_ROWS);
    }
  }

  @Test
  void aConversationHearsEachLayerOfItsPrefill() {
    try (Llava model = load();
        Conversation conversation = model.converse(TWO)) {
      Question question =
          Question.of(
              FIXTURE.json().get("prompts").get("oneImage").get("words").asString(),
              List.of(Image.read(FIXTURE.image("wide"))));
      Heard stopping = new Heard((phase, done, total) -> phase == Phase.VISION || done < 3);
      assertThatThrownBy(() -> conversation.ask(question, stopping))
          .isInstanceOf(CancellationException.class);
      assertThat(stopping.done(Phase.PREFILL)).containsExactly(1, 2, 3);
      Heard heard = new Heard((phase, done, total) -> true);
      Reply reply = conversation.ask(question, heard);
      assertThat(heard.done(Phase.PREFILL))
          .isEqualTo(IntStream.rangeClosed(1, model.config().text().layers()).boxed().toList());
      assertThat(reply.answer().tokenIds()).isEqualTo(model.ask(question, TWO).tokenIds());
    }
  }

  /** How a test ends a question behind a launch. */
  private enum End {
    INTERRUPT {
      @Override
      boolean goesOn() {
        Thread.currentThread().interrupt();
        return true;
      }
    },
    STOP {
      @Override
      boolean goesOn() {
        return false;
      }
    };

    abstract boolean goesOn();
  }

  @Test
  void whatEndsBetweenLaunchesLeavesNothingBehindAndTheNextQuestionIsRight() {
    long freeAtFirst = TestGpu.freeBytes();
    long handlesAtFirst = TestGpu.liveHandles();
    try (Llava model = load()) {
      Question question = FIXTURE.question("oneImage");
      List<Integer> expected = model.ask(question, TWO).tokenIds();
      long free = 0;
      long handles = 0;
      for (int round = 0; round < 4; round++) {
        for (Phase where : Phase.values()) {
          for (End end : End.values()) {
            Heard heard = new Heard((phase, done, total) -> phase != where || end.goesOn());
            assertThatThrownBy(() -> model.ask(question, TWO, heard))
                .isInstanceOf(CancellationException.class)
                .hasMessageStartingWith(
                    end == End.STOP ? "the listener stopped it" : "interrupted while");
            assertThat(Thread.interrupted()).isEqualTo(end == End.INTERRUPT);
            // Behind the launch that was heard of nothing more was launched.
            assertThat(heard.done(where)).hasSize(1);
            assertThat(heard.calls().getLast().phase()).isEqualTo(where);
            assertThat(model.ask(question, TWO).tokenIds()).isEqualTo(expected);
          }
        }
        if (round == 0) {
          free = TestGpu.freeBytes();
          handles = TestGpu.liveHandles();
        }
      }
      assertThat(TestGpu.liveHandles()).as("handles").isEqualTo(handles);
      if (!TestGpu.isReal()) {
        assertThat(TestGpu.freeBytes()).as("free device memory").isEqualTo(free);
      }
    }
    assertThat(TestGpu.liveHandles()).as("handles once closed").isEqualTo(handlesAtFirst);
    if (!TestGpu.isReal()) {
      assertThat(TestGpu.freeBytes()).as("free once closed").isEqualTo(freeAtFirst);
    }
  }
}
