package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a change must pass, over a {@code make} that only does what it is told to. */
final class CiRunTest {
  @TempDir private Path folder;

  private CommandRun run(String make) throws IOException, InterruptedException {
    Path bin = Files.createDirectories(folder.resolve("bin"));
    Path stub = Files.writeString(bin.resolve("make"), "#!/bin/sh\n" + make + "\n");
    assertThat(stub.toFile().setExecutable(true)).isTrue();
    Program ci =
        Program.script(folder, "sh", Installation.root().resolve(".ci/run"))
            .with("PATH", bin + ":/usr/local/bin:/usr/bin:/bin")
            .with("XDG_CACHE_HOME", folder.resolve("cache").toString());
    CommandRun run = ci.run();
    assertThat(ci.leftovers()).isEmpty();
    return run;
  }

  @Test
  void runsTheReadmesCommandInTheProject() throws Exception {
    assertThat(run("echo \"$@\" in $(pwd)"))
        .isEqualTo(new CommandRun(0, "test in %s\n".formatted(Installation.root()), ""));
    assertThat(Installation.root().resolve("README.md")).content().contains("    make test ");
  }

  @Test
  void endsAsThatCommandDoes() throws Exception {
    assertThat(run("exit 7").code()).isEqualTo(7);
  }

  @Test
  void givesItAnEmptyHomeAndTemporaryFolders() throws Exception {
    CommandRun run = run("ls -A ~ \"$TMPDIR\"; echo ${XDG_CACHE_HOME-none} $HOME $MAVEN_OPTS");
    assertThat(run.out().lines().toList()).last().asString().matches(outside());
    assertThat(run.out().lines()).noneMatch(line -> line.startsWith("."));
    assertThat(run.code()).isZero();
  }

  /** No cache, a home below this test's temporary folder, where Java's own files go as well. */
  private String outside() {
    String temporary = folder.resolve("tmp").toString();
    return "none %s/[^/ ]+/home -Djava.io.tmpdir=%s/[^/ ]+/tmp".formatted(temporary, temporary);
  }

  @Test
  void failsWhereSomethingIsLeftInHome() throws Exception {
    CommandRun run = run("mkdir ~/.cache");
    assertThat(run.err()).startsWith("make test left behind:\n").endsWith("/home/.cache\n");
    assertThat(run.code()).isEqualTo(1);
  }

  @Test
  void failsWhereSomethingIsLeftInTheTemporaryFolder() throws Exception {
    CommandRun run = run("mktemp >/dev/null");
    assertThat(run.err()).startsWith("make test left behind:\n").contains("/tmp/tmp.");
    assertThat(run.code()).isEqualTo(1);
  }
}
