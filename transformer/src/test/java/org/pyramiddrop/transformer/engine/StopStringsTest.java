package org.pyramiddrop.transformer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class StopStringsTest {

  static Stream<Long> seeds() {
    return new Random().longs(20).boxed();
  }

  /** Where the first of the strings stands in a text; its length if none does. */
  private static int first(String text, List<String> strings) {
    return strings.stream()
        .mapToInt(text::indexOf)
        .filter(at -> at >= 0)
        .min()
        .orElse(text.length());
  }

  /** Few letters, so that strings overlap themselves, each other and the pieces' ends. */
  private static String word(Random random, int shortest, int longest) {
    StringBuilder word = new StringBuilder();
    for (int i = random.nextInt(shortest, longest + 1); i > 0; i--) {
      word.append("ab\n€".charAt(Math.min(3, random.nextInt(8) / 2)));
    }
    return word.toString();
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void aTextEndsBeforeTheFirstStringHoweverItIsCut(long seed) {
    Random random = new Random(seed);
    for (int round = 0; round < 2000; round++) {
      String text = word(random, 0, 30);
      List<String> strings =
          IntStream.range(0, random.nextInt(4)).mapToObj(_ -> word(random, 1, 6)).toList();
      int end = first(text, strings);
      String told = "";
      StopStrings stops = new StopStrings(strings);
      for (int from = 0; from < text.length(); ) {
        int to = Math.min(text.length(), from + random.nextInt(5));
        told += stops.add(text.substring(from, to));
        from = to;
        // All that is told is certain, and nothing certain is held back.
        assertThat(told).isEqualTo(certain(text.substring(0, to), strings));
        if (stops.found()) {
          break;
        }
      }
      told += stops.finish();
      assertThat(told)
          .as("%s in %s, round %d", strings, text, round)
          .isEqualTo(text.substring(0, end));
      assertThat(stops.found()).isEqualTo(end < text.length());
    }
  }

  /** What of a text is in it for sure, whatever follows: naively, place by place. */
  private static String certain(String text, List<String> strings) {
    for (int at = 0; at < text.length(); at++) {
      String rest = text.substring(at);
      if (strings.stream().anyMatch(s -> rest.startsWith(s) || s.startsWith(rest))) {
        return text.substring(0, at);
      }
    }
    return text;
  }

  @Test
  void aStringThatBeganEarlierMayStillBecomeComplete() {
    StopStrings stops = new StopStrings(List.of("abcd", "bc"));
    assertThat(stops.add("xabc")).isEqualTo("x");
    assertThat(stops.found()).isFalse();
    assertThat(stops.add("d")).isEmpty();
    assertThat(stops.found()).isTrue();

    StopStrings other = new StopStrings(List.of("abcd", "bc"));
    other.add("xabc");
    assertThat(other.add("e")).isEqualTo("a");
    assertThat(other.found()).isTrue();
  }

  @Test
  void nothingFollowsTheEnd() {
    StopStrings stops = new StopStrings(List.of("stop"));
    assertThat(stops.add("go stop and go")).isEqualTo("go ");
    assertThat(stops.add("more")).isEmpty();
    assertThat(stops.finish()).isEmpty();
  }

  @Test
  void withoutStringsNothingIsHeldBack() {
    StopStrings stops = new StopStrings(List.of());
    assertThat(stops.add("all of it")).isEqualTo("all of it");
    assertThat(stops.finish()).isEmpty();
    assertThat(stops.found()).isFalse();
  }
}
