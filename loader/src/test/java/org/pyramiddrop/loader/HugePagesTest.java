package org.pyramiddrop.loader;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class HugePagesTest {
  private static final Path MAPS = Path.of("/proc/self/smaps");
  private static final long BYTES = (5L << 20) + 7;

  @BeforeEach
  void needsThem() {
    Assumptions.assumeTrue(HugePages.missing().isEmpty() && Files.exists(MAPS));
  }

  @Test
  void areAskedOfLinuxAndGoBackToItWithTheArena() throws IOException {
    long address;
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = HugePages.allocate(BYTES, arena).orElseThrow();
      memory.fill((byte) 3);

      address = memory.address();
      assertThat(memory.byteSize()).isEqualTo(BYTES);
      assertThat(address % (2 << 20)).isZero();
      assertThat(memory.get(JAVA_BYTE, BYTES - 1)).isEqualTo((byte) 3);
      assertThat(flags(address)).hasValueSatisfying(flags -> assertThat(flags).contains(" hg"));
    }
    assertThat(flags(address)).isEmpty();
  }

  @Test
  void areNotForWhatOneWouldNotFill() {
    try (Arena arena = Arena.ofConfined()) {
      assertThat(HugePages.allocate(4096, arena)).isEmpty();
    }
  }

  @Test
  void areNotTakenForMoreThanTheMachineHasLeft() {
    try (Arena arena = Arena.ofConfined()) {
      assertThat(HugePages.allocate(1L << 42, arena)).isEmpty();
    }
  }

  /** Linux's flags of the mapping that an address lies in. */
  private static Optional<String> flags(long address) throws IOException {
    List<String> lines = Files.readAllLines(MAPS);
    boolean inside = false;
    for (String line : lines) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        String[] range = line.substring(0, line.indexOf(' ')).split("-", -1);
        inside =
            Long.parseUnsignedLong(range[0], 16) <= address
                && address < Long.parseUnsignedLong(range[1], 16);
      } else if (inside && line.startsWith("VmFlags:")) {
        return Optional.of(line);
      }
    }
    return Optional.empty();
  }
}
