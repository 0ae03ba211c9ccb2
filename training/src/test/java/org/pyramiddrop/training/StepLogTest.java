package org.pyramiddrop.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The CSV file of a run. */
class StepLogTest {
  @TempDir Path folder;

  private Path file() {
    return folder.resolve("train.csv");
  }

  private static StepResult step(int step, double loss) {
    return new StepResult(step, loss, 0.125, 2e-5f, 7, 576, 40, List.of(576, 288), 0.5);
  }

  @Test
  void hasALineForEachStepWithNineDigits() throws IOException {
    try (StepLog log = StepLog.open(file(), 0)) {
      log.add(step(1, 2.0 / 3));
      log.add(step(2, 1e-7));
    }
    assertThat(Files.readAllLines(file()))
        .containsExactly(
            "step,loss,gradient_norm,learning_rate,answer_tokens,image_tokens",
            "1,6.66666667e-01,1.25000000e-01,1.99999995e-05,7,576",
            "2,1.00000000e-07,1.25000000e-01,1.99999995e-05,7,576");
  }

  @Test
  void cutsOffStepsThatAreRunAgain() throws IOException {
    try (StepLog log = StepLog.open(file(), 0)) {
      for (int i = 1; i <= 5; i++) {
        log.add(step(i, i));
      }
    }
    Files.writeString(file(), Files.readString(file()) + "6,0.5");
    try (StepLog log = StepLog.open(file(), 3)) {
      assertThat(log.losses()).containsExactly(1.0, 2.0, 3.0);
      log.add(step(4, 9));
    }
    assertThat(Files.readAllLines(file())).hasSize(5).last().asString().startsWith("4,9.0");
  }

  @Test
  void refusesAFileOfSomethingElse() throws IOException {
    Files.writeString(file(), "step,accuracy\n1,0.5\n");
    assertThatThrownBy(() -> StepLog.open(file(), 1))
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining("is no log of this run");
    assertThat(Files.readString(file())).isEqualTo("step,accuracy\n1,0.5\n");
  }

  @Test
  void refusesToGoOnWithoutTheLinesBefore() {
    try (StepLog log = StepLog.open(file(), 0)) {
      log.add(step(1, 1));
    }
    assertThatThrownBy(() -> StepLog.open(file(), 2))
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining("has no line of step 2");
  }

  @Test
  void namesAFileThatCantBeWritten() {
    Path nowhere = folder.resolve("missing").resolve("train.csv");
    assertThatThrownBy(() -> StepLog.open(nowhere, 0))
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining(nowhere.toString());
  }
}
