package org.pyramiddrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.jline.terminal.Attributes;
import org.jline.terminal.impl.LineDisciplineTerminal;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What somebody types, on a terminal that does with each key what the system's does. */
@Timeout(60)
class TypedQuestionsTest {
  private static final String LEFT = "\u001b[D";
  private static final String UP = "\u001b[A";
  private static final char INTERRUPT = 3;
  private static final char END = 4;

  private LineDisciplineTerminal terminal;
  private TypedQuestions questions;

  @BeforeEach
  void open() throws IOException {
    terminal = new LineDisciplineTerminal("test", "ansi", new ByteArrayOutputStream(), UTF_8);
    questions = new TypedQuestions(terminal);
  }

  @AfterEach
  void close() throws IOException {
    questions.close();
  }

  @Test
  void areLinesThatCanBeEdited() throws IOException {
    type("what us this ?" + LEFT.repeat(7) + "\b\bis\r");

    assertThat(questions.next()).isEqualTo(new InputLine(1, "what is this ?"));
  }

  @Test
  void comeBackWithTheArrowKeys() throws IOException {
    type("one\rtwo\r" + UP + UP + "\r");

    assertThat(questions.next()).isEqualTo(new InputLine(1, "one"));
    assertThat(questions.next()).isEqualTo(new InputLine(2, "two"));
    assertThat(questions.next()).isEqualTo(new InputLine(3, "one"));
  }

  @Test
  void anExclamationMarkAndABackslashAreThemselves() throws IOException {
    type("look! at !! and \\n é\r");

    assertThat(questions.next()).isEqualTo(new InputLine(1, "look! at !! and \\n é"));
  }

  @Test
  void endWithCtrlDAndWithCtrlCAtThePrompt() {
    typeAtThePrompt(String.valueOf(END));
    assertThat(questions.next()).isNull();
    typeAtThePrompt("half a question" + INTERRUPT);
    assertThat(questions.next()).isNull();
  }

  @Test
  void ctrlCStopsTheAnswerThatIsGivenAndNoOther() throws IOException {
    type("one\r");
    questions.next();
    questions.answerBegins();
    assertThat(questions.stopped()).isFalse();
    type(String.valueOf(INTERRUPT));
    assertThat(questions.stopped()).isTrue();
    type("two\r");

    assertThat(questions.next()).isEqualTo(new InputLine(2, "two"));
    questions.answerBegins();
    assertThat(questions.stopped()).isFalse();
  }

  /** Types as soon as keys go to the line's editor, which is when it asks. */
  private void typeAtThePrompt(String keys) {
    Thread.ofVirtual()
        .start(() -> {
          try {
            while (terminal.getAttributes().getLocalFlag(Attributes.LocalFlag.ICANON)) {
              Thread.sleep(5);
            }
            type(keys);
          } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
  }

  private void type(String keys) throws IOException {
    terminal.processInputBytes(keys.getBytes(UTF_8));
  }
}
