package org.pyramiddrop.bench.accuracy.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VqaAccuracyTest {

  @ParameterizedTest
  @CsvSource({"0, 0", "1, 0.3", "2, 0.6", "3, 0.9", "4, 1", "9, 1", "10, 1"})
  void amongTenAnswersThreeOthersAreEnough(int matches, double score) {
    assertThat(VqaAccuracy.score("nokia", answers("nokia", matches, 10)))
        .isEqualTo(score, within(1e-12));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1, 0",
    "1, 1, 1", // the only answer has to be met
    "1, 2, 0.5",
    "2, 2, 1", // (0 + 1) / 2
    "1, 3, 0.3333333333333333",
    "2, 3, 0.6666666666666667",
    "3, 3, 1", // (0 + ½ + ½)/3, (½ + ½ + 1)/3
    "1, 4, 0.25",
    "2, 5, 0.5333333333333333",
    "5, 5, 1" // (0 + 3 · ⅓)/4, (2 · ⅓ + 3 · ⅔)/5
  })
  void amongFewerAnswersAllOthersAreEnough(int matches, int people, double score) {
    assertThat(VqaAccuracy.score("nokia", answers("nokia", matches, people)))
        .isEqualTo(score, within(1e-12));
  }

  @Test
  void agreesWithLeavingEachAnswerOutByHand() {
    Random random = new Random(11);
    for (int round = 0; round < 200; round++) {
      List<String> accepted =
          random
              .ints(10, 0, 4)
              .mapToObj(i -> List.of("red", "Two", "u.s.", "left").get(i))
              .toList();
      String answer = accepted.get(random.nextInt(10));
      double sum = 0;
      for (int out = 0; out < 10; out++) {
        List<String> others = new ArrayList<>(accepted);
        others.remove(out);
        sum += Math.min(1, Collections.frequency(others, answer) / 3.0);
      }
      assertThat(VqaAccuracy.score(answer, accepted)).isEqualTo(sum / 10, within(1e-12));
    }
  }

  @Test
  void normalisesTheAnswerAndTheAcceptedOnesAlike() {
    List<String> accepted = List.of("Two dogs", "2 dogs", "the two dogs.", "2 dogs", "cats");
    assertThat(VqaAccuracy.score(" Two  Dogs!", accepted)).isEqualTo(1);
    assertThat(VqaAccuracy.score("2", accepted)).isZero();
  }

  // Each right side is what EvalAI's normalisation gives for the left.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      ignoreLeadingAndTrailingWhitespace = false,
      value = {
        "Coca COLA|coca cola",
        "  red   car |red car",
        "~red\ncar\tpark~|red car park",
        "a cat on the mat by an oak|cat on mat by oak",
        "none|0",
        "zero|0",
        "one|1",
        "two|2",
        "three|3",
        "four|4",
        "five|5",
        "six|6",
        "seven|7",
        "eight|8",
        "nine|9",
        "Ten|10",
        "eleven|eleven",
        "someone|someone",
        "1,000 km|1000 km", // digits with commas join
        "yes, it is|yes it is",
        "red,green|redgreen",
        "really?|really",
        "3.50|3.50",
        "u.s.a.|usa",
        "no.|no",
        "12.|12",
        "v. 2|v 2",
        "v.2|v.2", // a period before a digit stays
        "red/blue|red blue",
        "red / blue|red blue",
        "black-white|black white",
        "t- shirt|t shirt",
        "a-b -c|ab c", // one beside a space decides for all
        "(left)|left",
        "[x] {y}|x y",
        "10:30|10:30",
        "50%|50%",
        "x=y+z|x y z",
        "me@home|me home",
        "wow!|wow",
        "<b>|b",
        "snake_case|snake case",
        "back\\slash|back slash",
        "semi;colon|semi colon",
        "\"quoted\"|quoted",
        "`tick`|tick",
        "dont|don't",
        "don't|don't",
        "wouldntve|wouldntve",
        "wouldnt've|wouldn't've",
        "wouldn'tve|wouldn't've",
        "oclock|o'clock",
        "twas|'twas",
        "yall'll|y'all'll",
        "y'allll|y'all'll",
        "'ows'at|'ow's'at",
        "somebody'd|somebodyd",
        "Im|im",
        "hell|hell",
        "thats|that's",
        "that's|that 's",
        "dog's|dog 's",
        "lets|lets",
        "?|",
        "the|",
        "!-/|"
      })
  void normalisesAsEvalAiDoes(String answer, String normalised) {
    assertThat(VqaAccuracy.normalised(answer)).isEqualTo(normalised == null ? "" : normalised);
  }

  private static List<String> answers(String right, int matches, int people) {
    List<String> answers = new ArrayList<>(Collections.nCopies(matches, right));
    for (int i = matches; i < people; i++) {
      answers.add("other " + i);
    }
    Collections.shuffle(answers, new Random(matches));
    return answers;
  }
}
