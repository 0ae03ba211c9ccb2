package org.pyramiddrop.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;

/**
 * Questions that somebody types at a terminal: lines can be edited, earlier ones come back with the
 * arrow keys for as long as the chat lasts, and Ctrl-C ends an answer that is being given or, at
 * the prompt, the chat.
 */
final class TypedQuestions implements QuestionSource {
  private final org.jline.terminal.Terminal terminal;
  private final LineReader reader;
  private long number;
  private volatile boolean stopped;

  /** Takes a terminal, which this closes. */
  TypedQuestions(org.jline.terminal.Terminal terminal) {
    this.terminal = terminal;
    reader =
        LineReaderBuilder.builder()
            .terminal(terminal)
            .appName("pyramiddrop")
            // A question may hold an exclamation mark, and a backslash is one.
            .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
            .build();
    terminal.handle(Signal.INT, _ -> stopped = true);
  }

  /** Takes the terminal that the program was started from. */
  static TypedQuestions atTheTerminal() throws IOException {
    return new TypedQuestions(
        TerminalBuilder.builder()
            .system(true)
            .providers("ffm,exec")
            .encoding(StandardCharsets.UTF_8)
            .build());
  }

  @Override
  public @Nullable InputLine next() {
    try {
      return new InputLine(++number, reader.readLine("> "));
    } catch (UserInterruptException | EndOfFileException e) {
      return null;
    }
  }

  @Override
  public void answerBegins() {
    stopped = false;
  }

  @Override
  public boolean stopped() {
    return stopped;
  }

  @Override
  public void close() throws IOException {
    terminal.close();
  }
}
