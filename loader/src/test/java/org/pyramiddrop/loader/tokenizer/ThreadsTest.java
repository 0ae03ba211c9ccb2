package org.pyramiddrop.loader.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ThreadsTest {
  private static final int THREADS = 6;
  private static final int TEXTS = 400;
  private static final int ROUNDS = 3;

  @ParameterizedTest
  @ValueSource(strings = {"vicuna", "mistral", "llama3", "qwen2", "flags"})
  void givesSeveralThreadsWhatItGivesOne(String family)
      throws InterruptedException, ExecutionException {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    List<String> texts = new ArrayList<>();
    Texts source =
        new Texts(new Random(seed), TokenizerFiles.addedTokens(TokenizerFiles.family(family)));
    TextTokenizer alone = TextTokenizer.read(TokenizerFiles.family(family));
    List<int[]> ids = new ArrayList<>();
    List<String> decoded = new ArrayList<>();
    for (int i = 0; i < TEXTS; i++) {
      texts.add(source.next());
      ids.add(alone.encode(texts.get(i), true));
      decoded.add(alone.decode(ids.get(i), true));
    }
    TextTokenizer shared = TextTokenizer.read(TokenizerFiles.family(family));
    try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      List<Future<?>> all = new ArrayList<>();
      for (int thread = 0; thread < THREADS; thread++) {
        int first = thread * TEXTS / THREADS;
        all.add(
            threads.submit(() -> {
              for (int i = 0; i < ROUNDS * TEXTS; i++) {
                int at = (first + i) % TEXTS;
                assertThat(shared.encode(texts.get(at), true)).isEqualTo(ids.get(at));
                assertThat(shared.decode(ids.get(at), true)).isEqualTo(decoded.get(at));
              }
            }));
      }
      for (Future<?> one : all) {
        one.get();
      }
    }
  }
}
