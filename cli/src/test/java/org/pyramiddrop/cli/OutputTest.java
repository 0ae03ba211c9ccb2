package org.pyramiddrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What happens when something a command prints doesn't reach anybody. */
class OutputTest {
  /** Takes some bytes, then fails with a reason. */
  private static final class Full extends OutputStream {
    private final String reason;
    private int room;

    Full(int room, String reason) {
      this.room = room;
      this.reason = reason;
    }

    @Override
    public void write(int b) throws IOException {
      if (room-- <= 0) {
        throw new IOException(reason);
      }
    }
  }

  private record Ended(int code, String err) {}

  @Test
  void isUtf8() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Output out = new Output(bytes);
    out.println("é 中 🦙");

    assertThat(bytes.toString(UTF_8)).isEqualTo("é 中 🦙" + System.lineSeparator());
    assertThat(out.failure()).isNull();
  }

  @Test
  void aFullDiskIsAFailedRunWithTheSystemsReason() {
    for (int room : new int[] {0, 100}) {
      assertThat(flops(new Full(room, "No space left on device")))
          .isEqualTo(
              new Ended(
                  1,
                  "pyramiddrop: the standard output can't be written: No space left on device\n"));
    }
  }

  @Test
  void aReaderThatHasGoneAwayIsNoError() {
    assertThat(flops(new Full(100, "Broken pipe"))).isEqualTo(new Ended(0, ""));
  }

  @Test
  void theFirstReasonIsTheOneThatCounts() {
    Output out =
        new Output(
            new OutputStream() {
              private int failures;

              @Override
              public void write(int b) throws IOException {
                throw new IOException("failure " + ++failures);
              }
            });
    out.println("x");
    out.println("y");
    @Nullable IOException failure = out.failure();

    assertThat(failure).hasMessage("failure 1");
  }

  private static Ended flops(OutputStream stream) {
    StringWriter err = new StringWriter();
    int code =
        PyramidDropCommand.run(
            InputStream.nullInputStream(), new Output(stream), new PrintWriter(err), "flops");
    return new Ended(code, err.toString().replace(System.lineSeparator(), "\n"));
  }
}
