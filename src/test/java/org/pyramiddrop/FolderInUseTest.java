package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of a chat whose model's folder is changed between two questions. */
final class FolderInUseTest {
  private static final Path DEMO = Path.of("..", "..", "models", "scenes", "model");
  private static final String FIRST = "what shape is cyan ?\n";
  private static final String SECOND = "how many triangle s are there ?\n";

  @TempDir private Path temporary;
  private Path folder = Path.of("");
  private Path weights = Path.of("");

  @BeforeEach
  void copyTheModel() throws IOException {
    folder = Files.createDirectory(temporary.resolve("model"));
    for (Path file : files(DEMO)) {
      Files.copy(file, folder.resolve(file.getFileName()));
    }
    weights = folder.resolve("model.safetensors");
  }

  private static List<Path> files(Path of) throws IOException {
    try (Stream<Path> files = Files.list(of)) {
      return files.filter(Files::isRegularFile).toList();
    }
  }

  private RunningProgram chat(String... flags) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--add-modules=jdk.incubator.vector");
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of("org.pyramiddrop.cli.Main", "chat", "--model", folder.toString()));
    command.addAll(List.of("--backend", "cpu", "--max-tokens", "8"));
    command.addAll(List.of(flags));
    return new Program(temporary, command).start();
  }

  /** Asks the first question and waits for its answer. */
  private static void begin(RunningProgram chat) throws InterruptedException {
    chat.write(FIRST);
    chat.awaitOut("\n");
  }

  private void cutShort(long bytes) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(weights.toFile(), "rw")) {
      file.setLength(bytes);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 2_000_001})
  void cutShortEndsInOneLineAndExitOne(long bytes) throws Exception {
    try (RunningProgram chat = chat()) {
      begin(chat);
      cutShort(bytes);
      chat.write(SECOND);
      chat.endInput();
      CommandRun run = chat.end();
      assertThat(run.code()).isEqualTo(1);
      assertThat(run.out().lines()).hasSize(1);
      assertThat(run.ownErr())
          .singleElement()
          .asString()
          .startsWith("pyramiddrop: " + weights + ": changed while it was in use (it had ")
          .endsWith(" bytes and has " + bytes + "); load the folder again");
    }
  }

  @Test
  void putBackAsItWasItHasToBeLoadedAgain() throws Exception {
    FileTime time = Files.getLastModifiedTime(weights);
    try (RunningProgram chat = chat("--format", "json")) {
      begin(chat);
      cutShort(0);
      chat.write(SECOND);
      chat.awaitOut("has 0)");
      Files.write(weights, Files.readAllBytes(DEMO.resolve("model.safetensors")));
      Files.setLastModifiedTime(weights, time);
      chat.write(SECOND);
      chat.endInput();
      CommandRun run = chat.end();
      assertThat(run.code()).isEqualTo(1);
      List<String> lines = run.out().lines().toList();
      assertThat(lines).hasSize(3);
      assertThat(lines.get(2)).contains("\"error\"", "changed while it was in use");
    }
    try (RunningProgram again = chat()) {
      begin(again);
      again.endInput();
      assertThat(again.end().code()).isZero();
    }
  }

  @Test
  void copiedItMayBeCutShortAndDeleted() throws Exception {
    CommandRun undisturbed;
    try (RunningProgram chat = chat()) {
      chat.write(FIRST + SECOND);
      chat.endInput();
      undisturbed = chat.end();
    }
    try (RunningProgram chat = chat("--copy")) {
      begin(chat);
      cutShort(0);
      for (Path file : files(folder)) {
        Files.delete(file);
      }
      Files.delete(folder);
      chat.write(SECOND);
      chat.endInput();
      CommandRun run = chat.end();
      assertThat(run.code()).isZero();
      assertThat(run.out()).hasLineCount(2).isEqualTo(undisturbed.out());
      assertThat(run.err()).isEqualTo(undisturbed.err());
    }
  }
}
