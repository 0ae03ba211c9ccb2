package org.pyramiddrop.loader.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Holds ids and texts to what the Hugging Face tokenizers library makes of the same files; {@code
 * -Dpyramiddrop.tokenizer.texts} says for how many texts, {@code …seed} for which.
 */
class OracleTest {
  private static final int TEXTS = Integer.getInteger("pyramiddrop.tokenizer.texts", 1000);
  private static final long SEED = Long.getLong("pyramiddrop.tokenizer.seed", System.nanoTime());

  @BeforeAll
  static void sayWhichTexts() {
    System.out.println("seed " + SEED);
  }

  static List<Path> files() {
    return TokenizerFiles.all();
  }

  @ParameterizedTest
  @MethodSource("files")
  void encodesAndDecodesAsTheLibraryDoes(Path file) {
    Random random = new Random(SEED);
    Texts texts = new Texts(random, TokenizerFiles.addedTokens(file));
    int tokens = TokenizerFiles.json(file).path("model").path("vocab").size() + 10;
    TextTokenizer tokenizer = TextTokenizer.read(file);
    try (Oracle oracle = new Oracle(file)) {
      for (int i = 0; i < TEXTS; i++) {
        String text = texts.next();
        boolean special = random.nextBoolean();
        int[] ids = oracle.encode(text, special);
        assertThat(tokenizer.encode(text, special))
            .as("text %s, seed %s", text, SEED)
            .isEqualTo(ids);
        int[] some = random.nextBoolean() ? ids : random.ints(9, 0, tokens).toArray();
        boolean skip = random.nextBoolean();
        assertThat(tokenizer.decode(some, skip))
            .as("ids of %s or %s, seed %s", text, some, SEED)
            .isEqualTo(oracle.decode(some, skip));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("files")
  void knowsTheSameTokensThatStandForThemselves(Path file) {
    TextTokenizer tokenizer = TextTokenizer.read(file);
    try (Oracle oracle = new Oracle(file)) {
      List<String> vocabulary =
          List.copyOf(TokenizerFiles.json(file).path("model").path("vocab").propertyNames());
      for (List<String> tokens :
          List.of(
              TokenizerFiles.addedTokens(file),
              vocabulary.subList(0, Math.min(400, vocabulary.size())),
              List.of("", "no such token", "<image>", "<image><image>", " <s>"))) {
        for (String token : tokens) {
          assertThat(tokenizer.id(token)).as(token).isEqualTo(oracle.id(token));
        }
      }
    }
  }
}
