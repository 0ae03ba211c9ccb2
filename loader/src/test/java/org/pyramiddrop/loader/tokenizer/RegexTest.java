package org.pyramiddrop.loader.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Holds patterns to what the library's regular expressions match. */
class RegexTest {
  private static final int TEXTS = Integer.getInteger("pyramiddrop.tokenizer.texts", 1000) / 10;
  private static final long SEED = Long.getLong("pyramiddrop.tokenizer.seed", System.nanoTime());
  private static final List<String> BEHAVIORS =
      List.of("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous");

  @BeforeAll
  static void sayWhichTexts() {
    System.out.println("seed " + SEED);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        // GPT-2, GPT-4 and Llama 3, Qwen 2, GPT-4o, DeepSeek.
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
            + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
            + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}|"
            + " ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}|"
            + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
            + " ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "[一-龥\\u3040-ゟ゠-ヿ]+",
        // Single things that patterns can say.
        "",
        "x*",
        "a|ab|abc",
        "abc|ab|a",
        "(a|b)+c",
        "(?:ab)*?c",
        "a{2,3}",
        "a{,2}b",
        "a{3,}",
        "[ab]+?b",
        "a??b",
        ".",
        ".+?\\s",
        "(?=[A-Z])",
        "(?<=\\s)(?=\\S)",
        "(?<!\\d)(?=\\d)",
        "(?<= )\\w+",
        "\\d{3}(?!\\d)",
        "(?i:[ks]+)",
        "(?:(?:a|e)(?:i|o)?)+",
        "\\w++ ",
        "[^aeiou\\s]*+[aeiou]",
        " ?+[a-z]",
        "(?:a{1,2}){2}",
        "(?:\\p{L}\\p{M}*)+",
        "[\\]\\[\\-&]+",
        "[a-]|[-z]",
        "\\.|\\?|\\*",
      })
  void matchesWhatTheLibraryMatches(String pattern, @TempDir Path folder) throws IOException {
    Random random = new Random(SEED);
    Texts texts = new Texts(random, List.of("aaab", "abc", "a-b&[c]", "ab ab", "ssKſk", "123456"));
    for (String behavior : BEHAVIORS) {
      Path file =
          Files.writeString(
              folder.resolve("tokenizer.json"),
              TokenizerFiles.words(
                  """
                  {"type": "Split", "pattern": {"Regex": %s}, "behavior": "%s", "invert": %s}\
                  """
                      .formatted(TokenizerFiles.quoted(pattern), behavior, random.nextBoolean())));
      PreTokenizer own = PreTokenizer.read(JsonTreeReader.read(file).member("pre_tokenizer"));
      try (Oracle oracle = new Oracle(file)) {
        for (int i = 0; i < TEXTS; i++) {
          String text = texts.next();
          assertThat(Words.of(own, text))
              .as("%s of %s, seed %s", behavior, text, SEED)
              .isEqualTo(oracle.words(text));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(?:a|a)*b", "(?:a+)+b", "(?:a*b?)(?:a+)+c", "\\s*[\\r\\n]+", "(?:aa|aaa|a)+",
        "a*a*a*a*a*b", "(?:(?:a|b)+c?)+d", "a++b", "(?:[ab]+[ab]+)+c", "(?=a{0,60}b)",
      })
  @Timeout(value = 30, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void endsSoonWhateverThePattern(String pattern) {
    Regex regex = Regex.compile(place(pattern));
    assertThat(regex.find("a".repeat(200_000))).hasSizeLessThanOrEqualTo(400_000);
    assertThat(regex.find(" ".repeat(200_000))).hasSizeLessThanOrEqualTo(400_000);
  }

  @Test
  void findsTheSameOnceItIsCareful() {
    // So many steps are spent on the first part that what follows is matched carefully.
    String costly = "a".repeat(3_000) + "!";
    Random random = new Random(SEED);
    for (String pattern :
        List.of(
            "(?:a+)+b|\\w+?\\d|(?:[cd]e?)+|\\s+(?!\\S)|\\s",
            "(?:a+)+b|[cd]++|e?+f|\\d{1,3}",
            "(?:a+)+b|(?<=c)d*|(?=e)",
            "(?:a+)+b|c*|[de]")) {
      Regex regex = Regex.compile(place(pattern));
      for (int i = 0; i < 200; i++) {
        StringBuilder text = new StringBuilder();
        for (int j = random.nextInt(20); j >= 0; j--) {
          text.append("bcdef 12".charAt(random.nextInt(8)));
        }
        int[] alone = regex.find("!" + text);
        int[] behind = regex.find(costly + text);
        int[] shifted =
            Arrays.stream(behind).filter(bound -> bound >= 3_001).map(b -> b - 3_000).toArray();
        assertThat(shifted)
            .as("%s in %s, seed %s", pattern, text, SEED)
            .isEqualTo(Arrays.stream(alone).filter(bound -> bound >= 1).toArray());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(",
        ")",
        "a)",
        "[",
        "[]",
        "[a",
        "[b-a]",
        "*",
        "a**",
        "a+?+",
        "a{2}{3}",
        "a{1,3}+",
        "a{2}?",
        "a{3,2}",
        "a{",
        "a{x}",
        "^a",
        "a$",
        "\\b",
        "\\1",
        "\\h",
        "\\R",
        "\\X",
        "\\p",
        "\\p{",
        "\\p{Nonsense}",
        "\\x",
        "\\x{}",
        "\\x{110000}",
        "\\ud800",
        "(?>a)",
        "(?<n>a)",
        "(?i)a",
        "(?m:a)",
        "[[:alpha:]]",
        "[a&&b]",
        "(?i:ss)",
        "(?i:é)",
        "(?i:[^a])",
        "(?i:\\p{Lu})",
        "(?:a*)*",
        "(?=a)*",
        "(?:ab)++",
        "(?=a+)",
        "(?<=a|bc)",
        "a{1001}",
        "(?:(?:a{100}){100}){100}",
        "\\",
      })
  void refusesWhatItDoesNotRead(String pattern) {
    assertThatExceptionOfType(TokenizerException.class)
        .isThrownBy(() -> Regex.compile(place(pattern)))
        .withMessageStartingWith("is not a tokenizer: pattern = ")
        .satisfies(e -> assertThat(e).message().hasLineCount(1));
  }

  @Test
  void refusesDeepNesting() {
    assertThatExceptionOfType(TokenizerException.class)
        .isThrownBy(() -> Regex.compile(place("(".repeat(100_000) + ")".repeat(100_000))))
        .withMessageContaining("nests deeper");
  }

  private static JsonPlace place(String pattern) {
    return new JsonPlace("pattern", new JsonTree.Text(pattern));
  }
}
