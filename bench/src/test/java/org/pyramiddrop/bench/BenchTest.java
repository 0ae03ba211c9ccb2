package org.pyramiddrop.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class BenchTest {
  @TempDir private Path temp;

  @Test
  void saysInOneLineWhatIsWrongWithACommand() throws IOException {
    StringWriter err = new StringWriter();
    PrintWriter none = new PrintWriter(new StringWriter());
    int code =
        Bench.run(
            none,
            new PrintWriter(err, true),
            "compare",
            "--python",
            "no-such-python",
            "--script",
            Files.writeString(temp.resolve("side.py"), "").toString());
    assertThat(code).isEqualTo(1);
    assertThat(err.toString().lines())
        .containsExactly(
            "bench: no-such-python can't be started; set PYTHON to one with torch and transformers");
  }

  @Test
  void saysOfEachOptionWhatItDoes() {
    CommandLine bench = Bench.commandLine();
    assertThat(bench.getSubcommands()).hasSize(12);
    bench
        .getSubcommands()
        .forEach((name, command) ->
            assertThat(command.getCommandSpec().args())
                .as(name)
                .allSatisfy(arg ->
                    assertThat(String.join("", arg.description())).as("%s", arg).isNotBlank()));
  }
}
