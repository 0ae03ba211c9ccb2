package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CancellationException;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.transformer.TokenListener.Phase;

/** Answers as Java Flight Recorder writes them down. */
final class AnswerEventTest {
  private static final String NAME = "org.pyramiddrop.Answer";
  private static final Options FIVE = Options.defaults().withMaxTokens(5);

  @TempDir Path folder;

  /** What a recording has of answers to questions that are asked meanwhile. */
  private List<RecordedEvent> recorded(Runnable questions) throws IOException {
    Path file = folder.resolve("answers.jfr");
    try (Recording recording = new Recording()) {
      recording.enable(NAME);
      recording.start();
      questions.run();
      recording.stop();
      recording.dump(file);
    }
    return RecordingFile.readAllEvents(file).stream()
        .filter(event -> event.getEventType().getName().equals(NAME))
        .sorted((a, b) -> a.getEndTime().compareTo(b.getEndTime()))
        .toList();
  }

  private static void assertTells(RecordedEvent event, Answer answer, String backend) {
    assertThat(event.getInt("promptTokens")).isEqualTo(answer.promptTokens());
    assertThat(event.getInt("imageTokens")).isEqualTo(answer.imageTokens());
    assertThat(event.getInt("answerTokens")).isEqualTo(answer.tokenIds().size());
    assertThat(event.getString("finish"))
        .isEqualTo(answer.finish().name().toLowerCase(Locale.ROOT));
    assertThat(event.getString("backend")).isEqualTo(backend);
    assertThat(event.getDouble("tokensPerSecond")).isEqualTo(answer.tokensPerSecond());
    Timings timings = answer.timings();
    assertThat(event.getDuration("timeToFirstToken"))
        .isEqualTo(duration(timings.visionMillis() + timings.prefillMillis()));
    assertThat(event.getDuration("vision")).isEqualTo(duration(timings.visionMillis()));
    assertThat(event.getDuration("prefill")).isEqualTo(duration(timings.prefillMillis()));
    assertThat(event.getDuration("decode")).isEqualTo(duration(timings.decodeMillis()));
    // From the question to the answer, so longer than its parts.
    assertThat(event.getDuration())
        .isGreaterThanOrEqualTo(
            duration(timings.timeToFirstTokenMillis() + timings.decodeMillis())
                .minus(Duration.ofMillis(1)));
  }

  private static Duration duration(double millis) {
    return Duration.ofNanos(Math.round(millis * 1e6));
  }

  @Test
  void everyAnswerIsOneEventThatTellsWhatItTook() throws IOException {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Conversation conversation = model.converse(FIVE)) {
      List<Answer> answers = new ArrayList<>();
      List<RecordedEvent> events =
          recorded(() -> {
            answers.add(model.ask(fixture.question("oneImage"), FIVE));
            answers.add(model.ask(fixture.question("textOnly"), FIVE, (id, text) -> false));
            answers.add(conversation.ask(Question.of("what is it ?")).answer());
            answers.addAll(
                model.askAll(
                    List.of(
                        new Request(fixture.question("textOnly"), FIVE.withMaxTokens(2)),
                        new Request(fixture.question("oneImage"), FIVE))));
          });
      assertThat(events).hasSize(5);
      for (int i = 0; i < 5; i++) {
        assertTells(events.get(i), answers.get(i), model.backend());
      }
      assertThat(answers.get(1).finish()).isEqualTo(Finish.CANCELLED);
    }
  }

  @Test
  void aQuestionWithoutAnAnswerIsNone() throws IOException {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      Heard stopping = new Heard((phase, done, total) -> phase == Phase.VISION);
      List<RecordedEvent> events =
          recorded(() ->
              assertThatThrownBy(() -> model.ask(fixture.question("oneImage"), FIVE, stopping))
                  .isInstanceOf(CancellationException.class));
      assertThat(events).isEmpty();
    }
  }

  @Test
  void itsFieldsHaveLabelsAndUnits() throws IOException {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      RecordedEvent event =
          recorded(() -> model.ask(fixture.question("textOnly"), FIVE)).getFirst();
      assertThat(event.getEventType().getLabel()).isEqualTo("Answer");
      assertThat(event.getEventType().getCategoryNames()).containsExactly("PyramidDrop");
      assertThat(event.getEventType().getFields())
          .filteredOn(field -> field.getName().matches("timeTo.*|vision|prefill|decode"))
          .hasSize(4)
          .allSatisfy(field -> assertThat(field.getContentType()).isEqualTo("jdk.jfr.Timespan"));
      assertThat(event.getEventType().getFields())
          .extracting(field -> field.getLabel())
          .contains("Time to First Token", "Tokens per Second", "Prompt Tokens");
    }
  }
}
