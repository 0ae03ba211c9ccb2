package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThatNoException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class LocalesTest {

  @Test
  void wordsThatTheLocaleDamagedAreRefused() {
    assertThatThrownBy(() -> Locales.check("ANSI_X3.4-1968", "--prompt", "what is \uFFFD\uFFFD ?"))
        .isInstanceOf(BadUse.class)
        .hasMessage(
            "the locale's encoding, ANSI_X3.4-1968, can't carry this command's words; set"
                + " LC_ALL=C.UTF-8");
  }

  @Test
  void othersAreNot() {
    assertThatNoException().isThrownBy(() -> Locales.check("ANSI_X3.4-1968", "--prompt", "what ?"));
    // Somebody may mean that character.
    assertThatNoException().isThrownBy(() -> Locales.check("UTF-8", "\uFFFD"));
  }
}
