package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The helper that other tests run scripts with. */
final class ProgramTest {
  @TempDir private Path folder;

  private Program shell(String commands) throws IOException {
    return new Program(folder, List.of("sh", "-c", commands));
  }

  @Test
  void tellsWhatWasWrittenAndHowItEnded() throws Exception {
    assertThat(shell("echo a; echo b >&2; exit 3").run())
        .isEqualTo(new CommandRun(3, "a\n", "b\n"));
  }

  @Test
  void holdsNothingInTheEnvironmentThatIsNotNamed() throws Exception {
    Program program = new Program(folder, List.of("env")).with("ANSWER", "42").without("JAVA_HOME");
    assertThat(program.run().out().lines().sorted())
        .containsExactly(
            "ANSWER=42",
            "HOME=" + program.home(),
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "TMPDIR=" + program.temporary());
  }

  @Test
  void readsLinesOrAFileOrNothing() throws Exception {
    Path file = Files.writeString(folder.resolve("in"), "from a file");
    assertThat(shell("cat").reading("one", "two").run().out()).isEqualTo("one\ntwo\n");
    assertThat(shell("cat").readingFile(file).run().out()).isEqualTo("from a file");
    assertThat(shell("cat").run().out()).isEmpty();
  }

  @Test
  void doesNotMindAProgramThatReadsNothing() throws Exception {
    assertThat(shell("exec <&-; exit 4").reading("x".repeat(1 << 20)).run().code()).isEqualTo(4);
  }

  @Test
  void writesIntoFiles() throws Exception {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    CommandRun run = shell("echo a; echo b >&2").outTo(out).errTo(err).run();
    assertThat(run).isEqualTo(new CommandRun(0, "", ""));
    assertThat(out).hasContent("a");
    assertThat(err).hasContent("b");
  }

  @Test
  void endsAndFailsWhatTakesTooLong() throws Exception {
    Path late = folder.resolve("late");
    Program program =
        shell("(sleep 3; touch '%s') & echo begun; wait".formatted(late))
            .within(Duration.ofSeconds(1));
    assertThatThrownBy(program::run)
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("took too long; out: begun");
    Thread.sleep(3000);
    assertThat(late).doesNotExist();
  }

  @Test
  void findsAChildThatHoldsThePipesAfterItsParentEnded() throws Exception {
    Program program = shell("sleep 5 & echo parent").within(Duration.ofSeconds(1));
    assertThatThrownBy(program::run)
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("something it started has not");
  }

  @Test
  void signalsOneProcessOrItsGroup() throws Exception {
    String commands = "trap 'echo caught' INT; echo ready; sleep 30 & wait; wait; echo over";
    try (RunningProgram alone = shell("exec sleep 30").start();
        RunningProgram group = shell(commands).inGroupOfItsOwn().start()) {
      alone.signal("TERM");
      assertThat(alone.end().code()).isEqualTo(128 + 15);
      group.awaitOut("ready");
      group.signal("INT");
      group.awaitOut("caught");
      assertThat(group.isAlive()).isTrue();
      group.signalGroup("TERM");
      assertThat(group.end().out()).isEqualTo("ready\ncaught\n");
    }
  }

  @Test
  void talksWithAProgramWhileItRuns() throws Exception {
    try (RunningProgram running = shell("while read line; do echo \"<$line>\"; done").start()) {
      running.write("one\n");
      running.awaitOut("<one>");
      running.write("two\n");
      running.awaitOut("<two>");
      assertThat(running.isAlive()).isTrue();
      running.endInput();
      assertThat(running.end()).isEqualTo(new CommandRun(0, "<one>\n<two>\n", ""));
    }
  }

  @Test
  void namesWhatIsLeftInHomeAndTemporaryFolder() throws Exception {
    Program program = shell("mktemp -d \"$TMPDIR/left.XXX\" >/dev/null; touch ~/.cached");
    program.run();
    assertThat(program.leftovers()).hasSize(2).contains("home/.cached");
  }
}
