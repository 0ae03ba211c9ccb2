package org.pyramiddrop.loader.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Holds what kind each character is of, and what it normalises to, to what the library has; of all
 * characters some blocks, or with {@code -Dpyramiddrop.tokenizer.blocks=4352} every one.
 */
class CharactersTest {
  private static final int BLOCK = 256;
  private static final int ALL = (Character.MAX_CODE_POINT + 1) / BLOCK;
  private static final int BLOCKS = Integer.getInteger("pyramiddrop.tokenizer.blocks", 48);
  private static final long SEED = Long.getLong("pyramiddrop.tokenizer.seed", System.nanoTime());

  @BeforeAll
  static void sayWhichTexts() {
    System.out.println("seed " + SEED);
  }

  /**
   * Blocks of all planes in order, or Latin-1, for which Oniguruma has tables of its own, and as
   * many random ones of which half lie in the first plane.
   */
  private static int[] blocks() {
    Random random = new Random(SEED);
    return IntStream.range(0, BLOCKS)
        .map(i ->
            i == 0 || BLOCKS >= ALL
                ? i
                : random.nextInt(i % 2 == 0 ? 0x10000 / BLOCK : 0x20000 / BLOCK))
        .toArray();
  }

  private static int character(int block, int i) {
    int character = block * BLOCK + i;
    boolean half = character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE;
    return half ? 'x' : character;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "Lowercase",
      })
  void normalizesEachCharacterAsTheLibraryDoes(String form, @TempDir Path folder)
      throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("tokenizer.json"), TokenizerFiles.bytes("{\"type\": \"" + form + "\"}"));
    TextTokenizer tokenizer = TextTokenizer.read(file);
    try (Oracle oracle = new Oracle(file)) {
      for (int block : blocks()) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < BLOCK; i++) {
          // Alone, and among marks of low and high classes that it could change places with.
          text.append('e').appendCodePoint(character(block, i));
          text.append("e\u0334\u0316").appendCodePoint(character(block, i)).append("\u0301\u0345");
        }
        assertThat(tokenizer.encode(text.toString(), false))
            .as("block %x, seed %s", block, SEED)
            .isEqualTo(oracle.encode(text.toString(), false));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\\p{L}",
        "\\p{N}",
        "\\p{Lu}",
        "\\p{Ll}",
        "\\p{Lt}",
        "\\p{Lm}",
        "\\p{Lo}",
        "\\p{M}",
        "\\p{Mn}",
        "\\p{P}",
        "\\p{S}",
        "\\p{Z}",
        "\\p{Nd}",
        "\\s",
        "\\w",
        "\\d",
        ".",
        "(?i:[sk])",
        "\\p{Han}",
        "\\p{Hiragana}",
        "\\p{Katakana}",
        "\\p{Hangul}",
        "[^\\s\\p{L}\\p{N}]",
        "[^\\S\\r\\n]",
        "\\P{L}",
        "\\p{^N}",
        "\\W",
        "[\\w]",
        "[\\W]",
        "[^\\w]",
        "[\\w\\p{N}]",
        "[\\W\\d]",
        "[\\D]",
        "[\\S]",
        "[^\\d]",
        "[a-zA-Z\\-_\\x{370}-\\u03ff]",
      })
  void findsTheSameCharactersOfAKind(String pattern, @TempDir Path folder) throws IOException {
    cutsTheSame(
        """
        {"type": "Split", "pattern": {"Regex": %s}, "behavior": "Contiguous", "invert": false}\
        """
            .formatted(TokenizerFiles.quoted(pattern)),
        folder);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        """
        {"type": "Whitespace"}\
        """,
        """
        {"type": "WhitespaceSplit"}\
        """,
        """
        {"type": "Digits", "individual_digits": false}\
        """,
        """
        {"type": "Digits", "individual_digits": true}\
        """,
        """
        {"type": "Punctuation", "behavior": "Contiguous"}\
        """,
        """
        {"type": "Punctuation"}\
        """,
      })
  void cutsAtTheSameCharacters(String preTokenizer, @TempDir Path folder) throws IOException {
    cutsTheSame(preTokenizer, folder);
  }

  private static void cutsTheSame(String preTokenizer, Path folder) throws IOException {
    Path file =
        Files.writeString(folder.resolve("tokenizer.json"), TokenizerFiles.words(preTokenizer));
    PreTokenizer own = PreTokenizer.read(JsonTreeReader.read(file).member("pre_tokenizer"));
    try (Oracle oracle = new Oracle(file)) {
      for (int block : blocks()) {
        StringBuilder text = new StringBuilder("a ");
        for (int i = 0; i < BLOCK; i++) {
          text.appendCodePoint(character(block, i));
        }
        assertThat(Words.of(own, text.toString()))
            .as("block %x, seed %s", block, SEED)
            .isEqualTo(oracle.words(text.toString()));
      }
    }
  }
}
