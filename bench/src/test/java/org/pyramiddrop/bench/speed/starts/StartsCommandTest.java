package org.pyramiddrop.bench.speed.starts;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.Bench;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;

class StartsCommandTest {
  @TempDir private Path temp;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @BeforeEach
  void keepResultsApart() {
    System.setProperty(BenchFolder.PROPERTY, temp.toString());
  }

  @AfterEach
  void restore() {
    System.clearProperty(BenchFolder.PROPERTY);
  }

  private int run(String... args) {
    return Bench.run(new PrintWriter(out), new PrintWriter(err), args);
  }

  @Test
  void startsJavaAgainAndFailsWhereOneStartIsTooSlow() {
    int code = run("starts", "--size", "tiny", "--starts", "2", "--limit", "1");

    assertThat(err.toString()).isEmpty();
    assertThat(out.toString())
        .contains(StartMain.PREFILL, StartMain.STEP, "product 636x72x101, float16", "attention of")
        .contains("the slowest start takes ");
    assertThat(code).isEqualTo(1);
    assertThat(temp.resolve("starts.json")).exists();
  }

  @Test
  void refusesFewerThanTwoStarts() {
    assertThat(run("starts", "--starts", "1")).isEqualTo(2);
    assertThat(err.toString()).hasLineCount(1).contains("--starts");
  }
}
