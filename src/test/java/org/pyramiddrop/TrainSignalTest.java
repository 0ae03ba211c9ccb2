package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A training run as a user starts it, and ends it. */
class TrainSignalTest {
  private static final Path SCENES = Installation.root().resolve("models/scenes");
  private static final int STEPS = 60;

  @TempDir private Path own;

  private Program train(Path out, String... more) throws IOException, InterruptedException {
    List<String> words =
        new ArrayList<>(
            List.of(
                "train",
                "--model",
                SCENES.resolve("model").toString(),
                "--data",
                SCENES.resolve("training/samples.json").toString(),
                "--out",
                out.toString(),
                "--backend",
                "cpu",
                "--steps",
                String.valueOf(STEPS)));
    words.addAll(List.of(more));
    return Program.script(own, "sh", Installation.CHECKOUT.command(), words.toArray(String[]::new));
  }

  @Test
  void aSignalEndsARunBehindItsStepSavedSoThatItGoesOn() throws IOException, InterruptedException {
    Path out = own.resolve("out");
    try (RunningProgram run = train(out).start()) {
      run.awaitOut("training ");
      while (run.isAlive() && linesOf(out.resolve("train.csv")) < 3) {
        Thread.sleep(10);
      }
      run.signal("TERM");
      CommandRun ended = run.end();

      assertThat(ended.code()).isEqualTo(128 + 15);
      assertThat(ended.ownErr()).isEmpty();
      assertThat(ended.out()).containsPattern("stopped behind step \\d+ of " + STEPS);
    }
    long done = linesOf(out.resolve("train.csv")) - 1;
    assertThat(done).isBetween(2L, STEPS - 1L);
    assertThat(out.resolve("model.safetensors")).exists();

    CommandRun resumed = train(out, "--resume").run();

    assertThat(resumed.ownErr()).isEmpty();
    assertThat(resumed.code()).isZero();
    assertThat(resumed.out()).contains("%d of them done".formatted(done));
    assertThat(linesOf(out.resolve("train.csv"))).isEqualTo(STEPS + 1L);
    assertThat(out.resolve("training_state.json")).doesNotExist();
  }

  private static long linesOf(Path file) throws IOException {
    return Files.exists(file) ? Files.readAllLines(file).size() : 0;
  }
}
