package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThatNoException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalesTest {
  @TempDir private Path folder;

  @Test
  void wordsThatTheLocaleDamagedAreRefused() {
    assertThatThrownBy(() -> check("ANSI_X3.4-1968", "", "--prompt", "what is \uFFFD\uFFFD ?"))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "the locale's encoding, ANSI_X3.4-1968, can't carry this command's words; set"
                + " LC_ALL=C.UTF-8");
  }

  @Test
  void othersAreNot() {
    assertThatNoException().isThrownBy(() -> check("ANSI_X3.4-1968", "", "--prompt", "what ?"));
    // Somebody may mean that character.
    assertThatNoException().isThrownBy(() -> check("UTF-8", "\uFFFD\0", "\uFFFD"));
    assertThatNoException()
        .isThrownBy(() -> Locales.check("UTF-8", folder.resolve("no such file"), "\uFFFD"));
  }

  @Test
  void bytesThatAreNoTextAreRefused() throws IOException {
    Path raw = Files.write(folder.resolve("raw"), new byte[] {'a', (byte) 0xFF, 'b', 0});

    assertThatThrownBy(() -> Locales.check("UTF-8", raw, "a\uFFFDb"))
        .isInstanceOf(UsageException.class)
        .hasMessage("this command's words are not UTF-8 text");
  }

  private void check(String encoding, String raw, String... words) throws IOException {
    Locales.check(encoding, Files.writeString(folder.resolve("raw"), raw), words);
  }
}
