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

/** What is left where the system itself refuses to write on: a process may have no large files. */
class LimitedDiskTest {
  private static final Path MODEL = Path.of("../src/test/resources/fixtures/mha-float32");

  @TempDir private Path temp;

  private String run(String what, Path target, int blocks) throws Exception {
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
                LimitedDisk.class.getName(),
                what,
                MODEL.toAbsolutePath().normalize().toString(),
                target.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said.strip();
  }

  private Map<String, Long> all() throws IOException {
    Map<String, Long> all = new TreeMap<>();
    try (Stream<Path> files = Files.walk(temp)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        all.put(temp.relativize(file).toString(), Files.getLastModifiedTime(file).toMillis());
      }
    }
    return all;
  }

  @ParameterizedTest
  @CsvSource({
    "model, can't be written: File too large",
    "adapter, can't be written: File too large",
    "state, : File too large"
  })
  void leavesNothingOrWhatWasThere(String what, String problem) throws Exception {
    Path fresh = temp.resolve("fresh");
    assertThat(run(what, fresh, 200)).contains(fresh.toString()).endsWith(problem);
    assertThat(all()).isEmpty();

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
    Map<String, Long> before = all();
    assertThat(run(what, old, 200)).contains(old.toString()).endsWith(problem);
    assertThat(all()).isEqualTo(before);
    try (TrainingStateFile state = TrainingStateFile.open(old)) {
      assertThat(state.step()).isEqualTo(1);
    }
  }

  @Test
  void isWrittenWhereThereIsRoom() throws Exception {
    Path target = temp.resolve("target");
    assertThat(run("model", target, 4000)).isEqualTo("written");
    assertThat(target.resolve("model.safetensors")).exists();
  }
}
