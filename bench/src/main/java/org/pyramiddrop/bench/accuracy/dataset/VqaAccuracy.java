package org.pyramiddrop.bench.accuracy.dataset;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.InputStream;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Scanner;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The VQA accuracy ("VQA: Visual Question Answering", section 5, and the dataset's evaluation
 * code): an answer is right if three people gave it, and is judged by each choice of all people but
 * one.
 *
 * <p>Answers are compared after the normalisation that EvalAI applies for TextVQA, which LLaVA's
 * evaluation takes over. The older code for VQA itself differs in little: it leaves "{", "}", "-"
 * and "!" alone, and treats "'" as punctuation.
 */
final class VqaAccuracy {
  static final Pattern WHITE_SPACE = Pattern.compile("\\s+", Pattern.UNICODE_CHARACTER_CLASS);

  private static final int ENOUGH = 3;
  private static final Pattern DROPPED = Pattern.compile("[,?]");
  private static final Pattern PERIOD =
      Pattern.compile("\\.(?!\\d)", Pattern.UNICODE_CHARACTER_CLASS);
  private static final List<String> PUNCTUATION =
      ";/[]\"{}()=+\\_-><@`!".chars().mapToObj(Character::toString).toList();
  private static final Set<String> ARTICLES = Set.of("a", "an", "the");
  private static final List<String> NUMBERS =
      List.of("zero one two three four five six seven eight nine ten".split(" ", -1));

  /**
   * Puts back the apostrophe that a word like "dont" lacks, for the words that the VQA evaluation
   * knows. Its table maps each form that lacks exactly one apostrophe to the full one, so the full
   * ones say all. Two things in it can't be guessed: "somebody'd" loses its apostrophe, and entries
   * with a capital "I" never meet a word, for words are lower case by then.
   */
  private static final Map<String, String> CONTRACTIONS = contractions();

  private VqaAccuracy() {}

  /**
   * Leaves each accepted answer out in turn, takes min(1, matches among the others / 3), and
   * averages: 0, 0.3, 0.6, 0.9 or 1 for no to four and more matches among ten.
   *
   * <p>The rule is made for ten answers. Among fewer than four, all the others are enough, and a
   * single accepted answer has to be met, so that a right answer can always reach 1.
   *
   * @param accepted at least one
   */
  static double score(String answer, List<String> accepted) {
    String given = normalised(answer);
    long matches = accepted.stream().map(VqaAccuracy::normalised).filter(given::equals).count();
    int people = accepted.size();
    if (people == 1) {
      return matches;
    }
    double enough = Math.min(ENOUGH, people - 1);
    double leftOut = matches * Math.min(1, (matches - 1) / enough);
    double kept = (people - matches) * Math.min(1, matches / enough);
    return (leftOut + kept) / people;
  }

  /** An answer in the form that answers are compared in. */
  static String normalised(String answer) {
    String text = DROPPED.matcher(answer.toLowerCase(Locale.ROOT)).replaceAll("");
    text = text.replace("'s", " 's").replace('\n', ' ').replace('\t', ' ').strip();
    return WHITE_SPACE
        .splitAsStream(withoutPunctuation(text))
        .filter(word -> !word.isEmpty())
        .map(VqaAccuracy::digits)
        .filter(word -> !ARTICLES.contains(word))
        .map(word -> CONTRACTIONS.getOrDefault(word, word))
        .collect(Collectors.joining(" "));
  }

  private static String digits(String word) {
    int number = word.equals("none") ? 0 : NUMBERS.indexOf(word);
    return number < 0 ? word : String.valueOf(number);
  }

  // A mark that stands beside a space anywhere goes without a trace; others part words.
  private static String withoutPunctuation(String text) {
    String left = text;
    for (String mark : PUNCTUATION) {
      boolean besideSpace = text.contains(mark + " ") || text.contains(" " + mark);
      left = left.replace(mark, besideSpace ? "" : " ");
    }
    return PERIOD.matcher(left).replaceAll("");
  }

  /** The forms of the words in {@code contractions.txt} that lack one apostrophe. */
  private static Map<String, String> contractions() {
    InputStream file = VqaAccuracy.class.getResourceAsStream("contractions.txt");
    Map<String, String> forms = new HashMap<>(Map.of("somebody'd", "somebodyd"));
    try (Scanner words = new Scanner(Objects.requireNonNull(file), UTF_8)) {
      words.forEachRemaining(full -> {
        for (int at = full.indexOf('\''); at >= 0; at = full.indexOf('\'', at + 1)) {
          forms.put(full.substring(0, at) + full.substring(at + 1), full);
        }
      });
    }
    return forms;
  }
}
