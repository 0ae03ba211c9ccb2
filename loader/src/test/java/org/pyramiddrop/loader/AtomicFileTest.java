package org.pyramiddrop.loader;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
  @TempDir private Path folder;

  @Test
  void takesTheOldFilesPlaceOnceItIsWhole() throws IOException {
    Path file = Files.writeString(folder.resolve("f"), "before");
    AtomicFile.write(
        file,
        out -> {
          out.write("after".getBytes(UTF_8));
          out.flush();
          assertThat(file).hasContent("before");
        });

    assertThat(file).hasContent("after");
    assertThat(names()).containsExactly("f");
  }

  @Test
  void doesNotTakeTheFolderOfItsName() throws IOException {
    Path file = Files.createDirectory(folder.resolve("f"));
    assertThatThrownBy(() -> AtomicFile.write(file, out -> out.write(1)))
        .isInstanceOfSatisfying(
            IOException.class, e -> assertThat(AtomicFile.reason(e)).isEqualTo("Is a directory"));
    assertThat(file).isEmptyDirectory();
    assertThat(names()).containsExactly("f");
  }

  @Test
  void thatCantBeWrittenToItsEndLeavesTheOldOneAndNothingElse() throws IOException {
    Path old = Files.writeString(folder.resolve("old"), "before");
    for (Path file : new Path[] {old, folder.resolve("new")}) {
      assertThatThrownBy(() ->
              AtomicFile.write(
                  file,
                  out -> {
                    out.write(new byte[100_000]);
                    throw new IOException("No space left on device");
                  }))
          .isInstanceOf(IOException.class)
          .hasMessage("No space left on device");
    }

    assertThat(old).hasContent("before");
    assertThat(names()).containsExactly("old");
  }

  @Test
  void aLinkStaysALink() throws IOException {
    Path file = Files.writeString(folder.resolve("f"), "before");
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);
    AtomicFile.write(link, out -> out.write('x'));

    assertThat(link).isSymbolicLink();
    assertThat(file).hasContent("x");
  }

  @Test
  void aLinkToNothingGetsItsFile() throws IOException {
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("f"));
    AtomicFile.write(link, out -> out.write('x'));

    assertThat(link).isSymbolicLink();
    assertThat(folder.resolve("f")).hasContent("x");
  }

  @Test
  void keepsWhatTheOldFileAllowed() throws IOException {
    Path file = Files.writeString(folder.resolve("f"), "before");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    AtomicFile.write(file, out -> out.write('x'));

    assertThat(Files.getPosixFilePermissions(file))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
  }

  @Test
  void aPipeIsWrittenIntoAndStaysOne() throws Exception {
    Path pipe = folder.resolve("pipe");
    assumeTrue(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0);
    CompletableFuture<String> read =
        CompletableFuture.supplyAsync(() -> {
          try {
            return Files.readString(pipe);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
    AtomicFile.check(pipe);
    AtomicFile.write(pipe, out -> out.write('x'));

    assertThat(read).succeedsWithin(Duration.ofSeconds(20)).isEqualTo("x");
    assertThat(Files.readAttributes(pipe, BasicFileAttributes.class).isOther()).isTrue();
    assertThat(names()).containsExactly("pipe");
  }

  @Test
  void isCheckedBeforeAnyWork() throws IOException {
    AtomicFile.check(folder.resolve("f"));
    assertThat(names()).isEmpty();
    Path nowhere = folder.resolve("no").resolve("f");
    assertThatThrownBy(() -> AtomicFile.check(nowhere))
        .satisfies(e ->
            assertThat(AtomicFile.reason((IOException) e))
                .isEqualTo("no such folder as " + nowhere.getParent()));
    assertThatThrownBy(() -> AtomicFile.check(folder))
        .satisfies(e -> assertThat(AtomicFile.reason((IOException) e)).isEqualTo("is a folder"));
  }

  @Test
  void theReasonIsTheSystems() {
    Path nowhere = folder.resolve("no").resolve("f");
    assertThatThrownBy(() -> AtomicFile.write(nowhere, out -> out.write('x')))
        .satisfies(e -> assertThat(AtomicFile.reason((IOException) e)).isEqualTo("no such file"));
    assertThat(AtomicFile.reason(new IOException("No space left on device")))
        .isEqualTo("No space left on device");
  }

  private String[] names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toArray(String[]::new);
    }
  }
}
