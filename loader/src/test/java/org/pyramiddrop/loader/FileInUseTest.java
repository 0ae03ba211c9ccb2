package org.pyramiddrop.loader;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that are changed, cut short or deleted after they were opened. */
class FileInUseTest {
  private static final String SAID = "changed while it was in use (";
  private static final String ADVICE = "); load the folder again";

  @TempDir private Path folder;
  private Path path = Path.of("");
  private byte[] data = {};

  /** What may become of a file, with what is said of it. */
  enum Change {
    CUT_SHORT("bytes and has") {
      @Override
      void make(Path file) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
          open.setLength(100);
        }
      }
    },
    MADE_LONGER("bytes and has") {
      @Override
      void make(Path file) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
          open.setLength(open.length() + 1);
        }
      }
    },
    WRITTEN_INTO("it was written to") {
      @Override
      void make(Path file) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
          open.seek(open.length() - 1);
          open.write(1);
        }
        Files.setLastModifiedTime(file, FileTime.fromMillis(1_000_000));
      }
    },
    REPLACED("another file has taken its place") {
      @Override
      void make(Path file) throws IOException {
        Path other = file.resolveSibling("other");
        Files.copy(file, other, StandardCopyOption.COPY_ATTRIBUTES);
        Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
      }
    },
    DELETED("no such file") {
      @Override
      void make(Path file) throws IOException {
        Files.delete(file);
      }
    };

    final String said;

    Change(String said) {
      this.said = said;
    }

    abstract void make(Path file) throws IOException;
  }

  @BeforeEach
  void write() {
    long seed = System.nanoTime();
    System.out.println("FileInUseTest: seed " + seed);
    data = new byte[10_007];
    new Random(seed).nextBytes(data);
    String header = "{" + SafetensorsBytes.entry("a", "U8", "[10007]", 0, data.length) + "}";
    path =
        SafetensorsBytes.write(
            folder.resolve("model.safetensors"), SafetensorsBytes.of(header, data));
  }

  @Test
  void thatStaysAsItIsMayBeUsed() {
    for (FileAccess reading : FileAccess.values()) {
      try (Checkpoint checkpoint = Checkpoint.open(folder, reading)) {
        checkpoint.refuseIfChanged();
        assertThat(checkpoint.tensor("a").data().toArray(JAVA_BYTE)).isEqualTo(data);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void thatIsMappedIsRefusedOnceItHasChanged(Change change) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      change.make(path);
      assertThatThrownBy(checkpoint::refuseIfChanged)
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(path + ": " + SAID)
          .hasMessageContaining(change.said)
          .hasMessageEndingWith(ADVICE);
    }
  }

  @Test
  void thatIsMappedStaysRefusedWhenItIsPutBackAsItWas() throws IOException {
    FileTime time = Files.getLastModifiedTime(path);
    byte[] all = Files.readAllBytes(path);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      Change.CUT_SHORT.make(path);
      assertThatThrownBy(checkpoint::refuseIfChanged).isInstanceOf(CheckpointException.class);
      try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
        file.write(all);
      }
      Files.setLastModifiedTime(path, time);
      assertThatThrownBy(checkpoint::refuseIfChanged)
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(path + ": " + SAID)
          .hasMessageEndingWith(ADVICE);
    }
    try (Checkpoint again = Checkpoint.open(folder)) {
      assertThatCode(again::refuseIfChanged).doesNotThrowAnyException();
    }
  }

  @ParameterizedTest
  @EnumSource
  void thatIsCopiedKeepsItsDataWhateverHappens(Change change) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(folder, FileAccess.COPIED)) {
      MemorySegment tensor = checkpoint.tensor("a").data();
      change.make(path);
      checkpoint.refuseIfChanged();
      assertThat(tensor.isReadOnly()).isTrue();
      assertThat(tensor.toArray(JAVA_BYTE)).isEqualTo(data);
    }
  }

  @Test
  void freesItsCopyWhenItIsClosed() {
    SafetensorsFile file = SafetensorsFile.open(path, FileAccess.COPIED);
    MemorySegment tensor = file.tensor("a").data();
    file.close();
    assertThat(tensor.scope().isAlive()).isFalse();
  }

  @Test
  void copiesAFileWithoutTensors() {
    SafetensorsBytes.write(path, SafetensorsBytes.of("{}      "));
    try (SafetensorsFile file = SafetensorsFile.open(path, FileAccess.COPIED)) {
      assertThat(file.names()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 7, 4096, 10_006, 10_007, 1 << 20})
  void isCopiedPieceByPiece(long piece) throws IOException {
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(path)) {
      MemorySegment copy = arena.allocate(data.length);
      DataCopy.fill(path, channel, channel.size() - data.length, copy, piece);
      assertThat(copy.toArray(JAVA_BYTE)).isEqualTo(data);
    }
  }

  @Test
  void thatEndsWhileItIsCopiedIsNamedWithWhatThereIs() throws IOException {
    byte[] start = Arrays.copyOf(data, 1000);
    Path part = Files.write(folder.resolve("part"), start);
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(part)) {
      MemorySegment copy = arena.allocate(data.length);
      assertThatThrownBy(() -> DataCopy.fill(part, channel, 0, copy, 300))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(
              part + ": it was cut short while it was read: 1000 of 10007 bytes of data are there");
    }
  }

  @Test
  void thatNoMemoryCanHoldIsRefusedInOneLine() throws IOException {
    long bytes = 1L << 42;
    String header = "{" + SafetensorsBytes.entry("a", "U8", "[" + bytes + "]", 0, bytes) + "}";
    byte[] start = SafetensorsBytes.of(header);
    SafetensorsBytes.write(path, start);
    try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
      sparse.setLength(start.length + bytes);
    } catch (IOException e) {
      Assumptions.abort("no file of 4 TiB here: " + e.getMessage());
    }
    assertThatThrownBy(() -> SafetensorsFile.open(path, FileAccess.COPIED))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(path + ": not enough memory for a copy of its " + bytes + " bytes")
        .hasMessageContaining("-XX:MaxDirectMemorySize")
        .satisfies(e -> assertThat(e).message().hasLineCount(1));
  }
}
