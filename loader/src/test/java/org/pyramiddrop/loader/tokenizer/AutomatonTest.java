package org.pyramiddrop.loader.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AutomatonTest {
  @Test
  void findsTheLongestTextThatBeginsAtEachPlace() {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 2000; round++) {
      List<String> texts = new ArrayList<>();
      for (int i = random.nextInt(8); i > 0; i--) {
        texts.add(text(random, 1 + random.nextInt(5)));
      }
      String other = text(random, random.nextInt(40));
      int[] expected = new int[other.length()];
      for (int at = 0; at < expected.length; at++) {
        expected[at] = longestAt(at, other, texts);
      }
      boolean none = Arrays.stream(expected).allMatch(each -> each == Automaton.NONE);
      assertThat(new Automaton(texts).beginnings(other))
          .as("%s in %s, seed %s", texts, other, seed)
          .isEqualTo(none ? new int[0] : expected);
    }
  }

  private static int longestAt(int at, String text, List<String> texts) {
    int longest = Automaton.NONE;
    for (int i = 0; i < texts.size(); i++) {
      boolean longer =
          longest == Automaton.NONE || texts.get(i).length() > texts.get(longest).length();
      if (text.startsWith(texts.get(i), at) && longer) {
        longest = i;
      }
    }
    return longest;
  }

  private static String text(Random random, int length) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append((char) ('a' + random.nextInt(3)));
    }
    return text.toString();
  }
}
