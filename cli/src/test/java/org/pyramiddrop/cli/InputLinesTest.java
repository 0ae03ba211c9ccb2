package org.pyramiddrop.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class InputLinesTest {

  @Test
  void endWithOrWithoutACarriageReturnAndTheLastWithNothing() throws IOException {
    assertThat(texts("a\r\nb\n\n  c\r d")).containsExactly("a", "b", "", "  c\r d");
    assertThat(texts("a\n")).containsExactly("a");
    assertThat(texts("")).isEmpty();
    assertThat(texts("\r\n")).containsExactly("");
  }

  @Test
  void aByteOrderMarkIsNoPartOfTheFirst() throws IOException {
    assertThat(texts("\uFEFFa\n\uFEFFb")).containsExactly("a", "\uFEFFb");
    assertThat(texts("\uFEFF")).containsExactly("");
  }

  @Test
  void areUtf8OfAnyLanguage() throws IOException {
    assertThat(texts("é 中 🦙\nя")).containsExactly("é 中 🦙", "я");
  }

  @Test
  void oneThatIsNotUtf8HasNoTextAndTheOthersHave() throws IOException {
    InputLines lines = new InputLines(new ByteArrayInputStream("a\né\nb".getBytes(ISO_8859_1)));

    assertThat(all(lines))
        .containsExactly(new InputLine(1, "a"), new InputLine(2, null), new InputLine(3, "b"));
    assertThatThrownBy(() -> new InputLine(2, null).words())
        .isInstanceOf(UsageException.class)
        .hasMessage("line 2 is not UTF-8 text");
  }

  @Test
  void areReadyAsLongAsThereIsMore() throws IOException {
    InputLines lines = new InputLines(new ByteArrayInputStream("a\nb".getBytes(UTF_8)));

    assertThat(lines.ready()).isTrue();
    lines.next();
    assertThat(lines.ready()).isTrue();
    lines.next();
    assertThat(lines.ready()).isFalse();
  }

  private static List<String> texts(String input) throws IOException {
    return all(new InputLines(new ByteArrayInputStream(input.getBytes(UTF_8)))).stream()
        .map(InputLine::words)
        .toList();
  }

  private static List<InputLine> all(InputLines lines) throws IOException {
    List<InputLine> all = new ArrayList<>();
    for (InputLine line = lines.next(); line != null; line = lines.next()) {
      all.add(line);
    }
    return all;
  }
}
