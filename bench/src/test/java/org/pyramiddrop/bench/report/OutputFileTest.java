package org.pyramiddrop.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.bench.Bench;

class OutputFileTest {
  @TempDir private Path temp;

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(temp)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void takesThePlaceOfAnEarlierOne() throws IOException {
    Path file = Files.writeString(temp.resolve("a"), "before, and longer\n");
    OutputFile.write(file, List.of("one", "zwö"));
    assertThat(Files.readString(file)).isEqualTo("one\nzwö\n");
    assertThat(names()).containsExactly("a");
  }

  @Test
  void thatFailsHalfWayLeavesTheEarlierOneAndSaysTheSystemsReason() throws IOException {
    Path file = Files.writeString(temp.resolve("a"), "before");
    assertThatThrownBy(() ->
            OutputFile.write(
                file,
                out -> {
                  out.write(new byte[100_000]);
                  throw new IOException("No space left on device");
                }))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(file + " can't be written: No space left on device");
    assertThat(file).hasContent("before");
    assertThat(names()).containsExactly("a");
  }

  @Test
  void isCheckedWithoutATrace() throws IOException {
    OutputFile.check("--out", null);
    OutputFile.check("--out", temp.resolve("a"));
    assertThat(names()).isEmpty();
    assertThatThrownBy(() -> OutputFile.check("--out", temp))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("--out " + temp + " can't be written: is a folder");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run --markdown",
        "pruning --small --markdown",
        "pruning --small --chart",
        "compare --python no-such-python --markdown",
        "gpu-table no-such-file.json --out",
        "profile --model no-such-model --markdown",
        "load --model no-such-model --markdown"
      })
  void thatCantBeWrittenIsRefusedBeforeTheWork(String command) {
    Path file = temp.resolve("no").resolve("x.out");
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    String[] words =
        Stream.of(command.split(" "), new String[] {file.toString()})
            .flatMap(Stream::of)
            .toArray(String[]::new);
    assertThat(Bench.run(new PrintWriter(out), new PrintWriter(err), words)).isEqualTo(2);
    String option = words[words.length - 2];
    assertThat(err.toString().lines())
        .containsExactly(
            "bench: %s %s can't be written: no such folder as %s"
                .formatted(option, file, file.getParent()));
    assertThat(out.toString()).isEmpty();
  }
}
