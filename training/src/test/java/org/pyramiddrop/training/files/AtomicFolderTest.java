package org.pyramiddrop.training.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFolderTest {
  @TempDir private Path temp;

  private static void write(Path folder, String... names) throws IOException {
    Files.createDirectories(folder);
    for (String name : names) {
      Path file = folder.resolve(name);
      Files.createDirectories(file.getParent());
      Files.writeString(file, folder.getFileName() + " " + name);
    }
  }

  private static List<String> all(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> folder.relativize(file).toString())
          .sorted()
          .toList();
    }
  }

  private Path old() throws IOException {
    Path folder = temp.resolve("run ü");
    write(
        folder,
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "adapter_model.safetensors",
        "config.json",
        "train.csv",
        "training_state-3.safetensors",
        "checkpoint/model.safetensors");
    return folder;
  }

  @Test
  void makesTheFoldersAboveIt() throws IOException {
    Path folder = temp.resolve("a").resolve("größe").resolve("c");
    AtomicFolder.write(
        folder,
        part -> {
          assertThat(folder).doesNotExist();
          write(part, "x");
        });
    assertThat(all(temp)).containsExactly("a/größe/c/x");
  }

  @Test
  void takesThePlaceOfWeightsAndOfWhatItHasItself() throws IOException {
    Path folder = old();
    AtomicFolder.write(
        folder,
        part -> {
          assertThat(all(folder)).hasSize(8);
          Files.writeString(part.resolve("model.safetensors"), "new");
          Files.writeString(part.resolve("config.json"), "new");
        });
    assertThat(all(temp))
        .containsExactly(
            "run ü/checkpoint/model.safetensors",
            "run ü/config.json",
            "run ü/model.safetensors",
            "run ü/train.csv",
            "run ü/training_state-3.safetensors");
    assertThat(folder.resolve("config.json")).hasContent("new");
    assertThat(folder.resolve("train.csv")).hasContent("run ü train.csv");
  }

  @Test
  void leavesTheOldOneAloneWhereItFails() throws IOException {
    Path folder = old();
    List<String> before = all(temp);
    for (Path target : List.of(folder, temp.resolve("new"))) {
      assertThatIOException()
          .isThrownBy(() ->
              AtomicFolder.write(
                  target,
                  part -> {
                    write(part, "model.safetensors", "config.json");
                    throw new IOException("No space left on device");
                  }))
          .withMessage(target + " can't be written: No space left on device");
      assertThatIllegalStateException()
          .isThrownBy(() ->
              AtomicFolder.write(
                  target,
                  part -> {
                    throw new IllegalStateException("no numbers");
                  }))
          .withMessage("no numbers");
    }
    assertThat(all(temp)).isEqualTo(before);
    assertThat(temp.resolve("new")).doesNotExist();
  }

  @Test
  void clearsAwayWhatAKilledProcessHadHalfWritten() throws IOException {
    Path folder = old();
    write(temp.resolve(".run ü.part"), "model.safetensors", "stale");
    AtomicFolder.write(folder, part -> write(part, "fresh"));
    assertThat(folder.resolve("stale")).doesNotExist();
    assertThat(folder.resolve("fresh")).exists();
    assertThat(temp.resolve(".run ü.part")).doesNotExist();
  }

  @Test
  void givesBackTheOldNameWhereAProcessWasKilledBetweenRenames() throws IOException {
    Path folder = old();
    List<String> before = all(temp);
    Files.move(folder, temp.resolve(".run ü.old"));
    AtomicFolder.recover(folder);
    assertThat(all(temp)).isEqualTo(before);
    AtomicFolder.recover(folder);
    assertThat(all(temp)).isEqualTo(before);

    Files.move(folder, temp.resolve(".run ü.old"));
    AtomicFolder.write(folder, part -> write(part, "fresh"));
    assertThat(folder.resolve("train.csv")).exists();
    assertThat(folder.resolve("fresh")).exists();
    assertThat(temp.resolve(".run ü.old")).doesNotExist();
  }

  @Test
  void movesOnWhatStaysWhereAProcessWasKilledBehindRenames() throws IOException {
    Path folder = old();
    Files.move(folder, temp.resolve(".run ü.old"));
    write(folder, "model.safetensors", "config.json");
    AtomicFolder.recover(folder);
    assertThat(all(temp))
        .containsExactly(
            "run ü/checkpoint/model.safetensors",
            "run ü/config.json",
            "run ü/model.safetensors",
            "run ü/train.csv",
            "run ü/training_state-3.safetensors");
    assertThat(folder.resolve("model.safetensors")).hasContent("run ü model.safetensors");
  }

  @Test
  void refusesTheNameOfAFile() throws IOException {
    Path file = Files.writeString(temp.resolve("f"), "before");
    assertThatIOException()
        .isThrownBy(() -> AtomicFolder.write(file, part -> write(part, "x")))
        .withMessage(file + " can't be written: is there and no folder");
    assertThat(file).hasContent("before");
    Path below = file.resolve("g");
    assertThatIOException()
        .isThrownBy(() -> AtomicFolder.write(below, part -> write(part, "x")))
        .withMessageStartingWith(below + " can't be written: ");
  }

  @Test
  void aLinkStaysALink() throws IOException {
    Path folder = old();
    Path link = Files.createSymbolicLink(temp.resolve("link"), folder);
    AtomicFolder.write(link, part -> write(part, "fresh"));
    assertThat(link).isSymbolicLink();
    assertThat(folder.resolve("fresh")).exists();
    assertThat(folder.resolve("train.csv")).exists();
  }

  @Test
  void aFolderThatCanBeReplacedStaysAsItIs() throws IOException {
    Path folder = Files.createDirectory(temp.resolve("out"));
    Files.writeString(folder.resolve("notes.txt"), "mine");
    AtomicFolder.requireReplaceable(folder);
    assertThat(folder.resolve("notes.txt")).hasContent("mine");
    try (Stream<Path> entries = Files.list(temp)) {
      assertThat(entries).containsExactly(folder);
    }
  }
}
