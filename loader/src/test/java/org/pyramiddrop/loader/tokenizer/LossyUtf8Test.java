package org.pyramiddrop.loader.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class LossyUtf8Test {
  private static final int[] EDGES = {
    0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
    0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
  };

  @Test
  void replacesTheSameBytesAsTheLibrary() {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    Path file = TokenizerFiles.family("llama3");
    TextTokenizer tokenizer = TextTokenizer.read(file);
    JsonNode vocabulary = TokenizerFiles.json(file).path("model").path("vocab");
    int[] ids = new int[256];
    for (int value = 0; value < ids.length; value++) {
      ids[value] = vocabulary.path(TokenizerFiles.byteCharacter(value)).intValue();
    }
    try (Oracle oracle = new Oracle(file)) {
      for (int i = 0; i < 20_000; i++) {
        int[] bytes =
            random.ints(1 + random.nextInt(7), 0, EDGES.length).map(e -> ids[EDGES[e]]).toArray();
        assertThat(tokenizer.decode(bytes, false))
            .as("ids %s, seed %s", bytes, seed)
            .isEqualTo(oracle.decode(bytes, false));
      }
    }
  }
}
