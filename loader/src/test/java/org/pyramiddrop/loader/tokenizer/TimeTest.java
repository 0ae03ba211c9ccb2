package org.pyramiddrop.loader.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A text of a megabyte takes seconds at most, whatever it is; a quadratic way takes hours. */
@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TimeTest {
  private static final int LONG = 1_000_000;

  @ParameterizedTest
  @ValueSource(strings = {"vicuna", "mistral", "llama3", "qwen2", "flags"})
  void encodesLongTextsOfAllKindsSoon(String family) {
    TextTokenizer tokenizer = TextTokenizer.read(TokenizerFiles.family(family));
    for (String part :
        new String[] {
          "a",
          " ",
          "\n",
          "ab",
          "the",
          "abcdefghij",
          "1",
          "'",
          "数",
          "🙂",
          "<",
          "<image",
          " \n",
          "a\u0301"
        }) {
      String text = part.repeat(LONG / part.length() / 4);
      int[] ids = tokenizer.encode(text, false);
      assertThat(ids.length).as(part).isLessThanOrEqualTo(4 * text.length());
      tokenizer.decode(ids, false);
    }
  }

  @Test
  void encodesAMegabyteWithoutSpacesSoon() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; text.length() < LONG; i++) {
      text.append(Integer.toString(i * 7919, 36));
    }
    for (String family : new String[] {"vicuna", "mistral", "llama3"}) {
      TextTokenizer tokenizer = TextTokenizer.read(TokenizerFiles.family(family));
      int[] ids = tokenizer.encode(text.toString(), false);
      assertThat(tokenizer.decode(ids, false)).isEqualTo(text.toString());
    }
  }

  @Test
  void bringsAMillionMarksIntoOrderSoon() {
    // The second mark goes before the first; the third one decomposes.
    int times = LONG / 3;
    String text = "x" + "\u0301\u0316\u0344".repeat(times);
    TextTokenizer tokenizer = TextTokenizer.read(TokenizerFiles.family("qwen2"));
    assertThat(tokenizer.decode(tokenizer.encode(text, false), false))
        .isEqualTo("x" + "\u0316".repeat(times) + "\u0301\u0308\u0301".repeat(times));
  }

  @Test
  void findsTokensThatNearlyMatchEverywhereSoon(@TempDir Path folder) throws IOException {
    String almost = "þ".repeat(100_000);
    String json = Files.readString(TokenizerFiles.family("vicuna"));
    Path file =
        Files.writeString(
            folder.resolve("tokenizer.json"),
            json.replace("\"content\": \"<pad>\"", "\"content\": \"" + almost + "y\"")
                .replace("\"content\": \"<image>\"", "\"content\": \"þ\""));
    TextTokenizer tokenizer = TextTokenizer.read(file);
    int one = tokenizer.id("þ").orElseThrow();
    int[] ids = tokenizer.encode("þ".repeat(LONG), false);
    assertThat(ids).hasSize(LONG).containsOnly(one);
    assertThat(tokenizer.encode("þ".repeat(LONG) + "y", false)).hasSize(LONG - 100_000 + 1);
  }
}
