package org.pyramiddrop.training.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What is left where the system itself refuses to write on, as on a full disk (a process may have
 * no large files), and where a process dies in the middle.
 */
class WriterProcessTest {
  private static final Path MODEL = Path.of("../src/test/resources/fixtures/mha-float32");

  @TempDir private Path temp;

  private record Ended(int status, String said) {}

  /** Writes in a process whose files may have so many blocks. */
  private Ended run(String what, Path target, boolean dies, String blocks) throws Exception {
    Path bash = Path.of("/bin/bash");
    assumeTrue(Files.isExecutable(bash));
    Process process =
        new ProcessBuilder(
                bash.toString(),
                "-c",
                "ulimit -f " + blocks + " && exec \"$@\"",
                "bash",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:-UsePerfData",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                WriterProcess.class.getName(),
                what,
                MODEL.toAbsolutePath().normalize().toString(),
                target.toString(),
                String.valueOf(dies))
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ended(process.waitFor(), said.strip());
  }

  private Map<String, String> all(Path folder) throws IOException {
    Map<String, String> all = new TreeMap<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        all.put(
            folder.relativize(file).toString(),
            Files.readString(file, StandardCharsets.ISO_8859_1));
      }
    }
    return all;
  }

  private Path old() throws IOException {
    Path old = Files.createDirectory(temp.resolve("old"));
    for (String name : List.of("model.safetensors", "config.json", "train.csv")) {
      Files.writeString(old.resolve(name), "before");
    }
    TrainingStateFile.write(
        old,
        1,
        Map.of(),
        List.of(new TrainingStateFile.Entry("large", List.of(3L))),
        (_, _) -> new float[3]);
    return old;
  }

  @ParameterizedTest
  @CsvSource({
    "model, can't be written: File too large",
    "adapter, can't be written: File too large",
    "state, : File too large"
  })
  void leavesWhatWasThereWhereTheDiskIsFull(String what, String problem) throws Exception {
    Path fresh = temp.resolve("fresh");
    Path old = old();
    Map<String, String> before = all(temp);
    for (Path target : List.of(fresh, old)) {
      Ended ended = run(what, target, false, "200");
      assertThat(ended.said()).contains(target.toString()).endsWith(problem).hasLineCount(1);
      assertThat(ended.status()).isZero();
    }
    assertThat(all(temp)).isEqualTo(before);
    if (!what.equals("state")) {
      assertThat(fresh).doesNotExist();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"model", "adapter", "state"})
  void leavesWhatWasThereWhereItIsKilled(String what) throws Exception {
    Path old = old();
    Map<String, String> before = all(old);
    assertThat(run(what, old, true, "unlimited")).isEqualTo(new Ended(WriterProcess.KILLED, ""));
    Map<String, String> after = all(old);
    after.keySet().removeIf(name -> name.endsWith(".part"));
    assertThat(after).isEqualTo(before);
    AtomicFolder.recover(old);
    try (TrainingStateFile state = TrainingStateFile.open(old)) {
      assertThat(state.step()).isEqualTo(1);
    }

    // The next one clears away what that one left.
    assertThat(run(what, old, false, "unlimited")).isEqualTo(new Ended(0, "written"));
    assertThat(all(temp).keySet()).noneMatch(name -> name.contains("part"));
    assertThat(old.resolve("train.csv")).hasContent("before");
  }

  @Test
  void isWrittenWhereThereIsRoom() throws Exception {
    Path target = temp.resolve("target");
    assertThat(run("model", target, false, "4000")).isEqualTo(new Ended(0, "written"));
    assertThat(target.resolve("model.safetensors")).exists();
  }
}
