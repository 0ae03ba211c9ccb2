package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.EOFException;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import org.junit.jupiter.api.Test;

class OneLineTest {
  @Test
  void escapesWhatIsNotPrintable() {
    assertThat(OneLine.of("a\nb\r\t\u0007\u001b[31m"))
        .isEqualTo("a\\u000ab\\u000d\\u0009\\u0007\\u001b[31m");
    assertThat(OneLine.of("\u2028\u2029\u0085")).isEqualTo("\\u2028\\u2029\\u0085");
    assertThat(OneLine.of("abc\u202Etxt\uFEFF\u200B")).isEqualTo("abc\\u202etxt\\ufeff\\u200b");
    assertThat(OneLine.of("\uD800|\uDC00")).isEqualTo("\\ud800|\\udc00");
    assertThat(OneLine.of(new String(Character.toChars(0xE0041)))).isEqualTo("\\u{e0041}");
    assertThat(OneLine.of("Größe 日本 😀 „“")).isEqualTo("Größe 日本 😀 „“");
  }

  @Test
  void cutsLongTextWithoutHalvingACharacter() {
    assertThat(OneLine.of("x".repeat(1_000_000))).hasSize(2001).endsWith("x…");
    assertThat(OneLine.shorten("n".repeat(201))).isEqualTo("n".repeat(200) + "…");
    assertThat(OneLine.shorten("n".repeat(200))).isEqualTo("n".repeat(200));
    assertThat(OneLine.shorten("n".repeat(199) + "😀")).isEqualTo("n".repeat(199) + "…");
  }

  @Test
  void saysWhyInWordsAndNeverNull() {
    assertThat(FailureReason.of(new AccessDeniedException("/a/b"))).isEqualTo("permission denied");
    assertThat(FailureReason.of(new FileSystemException("/a/b", null, "Is a directory")))
        .isEqualTo("Is a directory");
    assertThat(FailureReason.of(new FileSystemException("/a/b")))
        .isEqualTo("the file system gives no reason");
    assertThat(FailureReason.of(new ClosedByInterruptException()))
        .isEqualTo("the thread was interrupted");
    assertThat(FailureReason.of(new EOFException())).isEqualTo("it ends too early");
    assertThat(FailureReason.of(new IllegalArgumentException("null")))
        .isEqualTo("it holds numbers that don't fit together");
    assertThat(FailureReason.of(new IOException("broken", new IOException("row 3"))))
        .isEqualTo("broken: row 3");
    assertThat(FailureReason.of(new IOException(new EOFException())))
        .isEqualTo("it ends too early");
  }
}
