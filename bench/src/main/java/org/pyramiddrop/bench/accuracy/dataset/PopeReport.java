package org.pyramiddrop.bench.accuracy.dataset;

import java.util.Arrays;
import java.util.List;

/**
 * What POPE reports over a set of answers, "yes" being the positive class ("Evaluating Object
 * Hallucination in Large Vision-Language Models", and its evaluation code).
 *
 * <p>A share of nothing, such as the precision where no answer says yes, is 0; POPE's own code
 * fails there.
 *
 * @param truePositives "yes" for "yes"
 * @param falsePositives "yes" for "no": an object that isn't there
 * @param trueNegatives "no" for "no"
 * @param falseNegatives "no" for "yes"
 */
public record PopeReport(
    int truePositives, int falsePositives, int trueNegatives, int falseNegatives) {
  /**
   * Counts answers.
   *
   * @param labels "yes" or "no", as many
   */
  public static PopeReport of(List<String> answers, List<String> labels) {
    if (answers.isEmpty() || answers.size() != labels.size()) {
      throw new IllegalArgumentException(
          "expected a label for each answer, not %d labels for %d answers"
              .formatted(labels.size(), answers.size()));
    }
    int[] counts = new int[4];
    for (int i = 0; i < answers.size(); i++) {
      String label = labels.get(i);
      if (!isLabel(label)) {
        throw new IllegalArgumentException("expected a label \"yes\" or \"no\", not " + label);
      }
      boolean yes = saysYes(answers.get(i));
      boolean right = yes == label.equals("yes");
      counts[(yes ? 0 : 2) + (right ? 0 : 1)]++;
    }
    return new PopeReport(counts[0], counts[1], counts[2], counts[3]);
  }

  public double accuracy() {
    return share(truePositives + trueNegatives, all());
  }

  /** The share of right answers among those that say yes. */
  public double precision() {
    return share(truePositives, truePositives + falsePositives);
  }

  /** The share of objects that are there and that the answers say yes to. */
  public double recall() {
    return share(truePositives, truePositives + falseNegatives);
  }

  public double f1() {
    return share(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives);
  }

  public double yesRatio() {
    return share(truePositives + falsePositives, all());
  }

  /**
   * Whether an answer means yes: unless its first sentence, up to a full stop and without commas,
   * has the word "No", "no" or "not". Words end at spaces, and no other spelling counts.
   */
  static boolean saysYes(String answer) {
    String trimmed = answer.strip();
    int stop = trimmed.indexOf('.');
    String sentence = (stop < 0 ? trimmed : trimmed.substring(0, stop)).replace(",", "");
    return Arrays.stream(sentence.split(" ", -1)).noneMatch(List.of("No", "no", "not")::contains);
  }

  static boolean isLabel(String label) {
    return label.equals("yes") || label.equals("no");
  }

  private int all() {
    return truePositives + falsePositives + trueNegatives + falseNegatives;
  }

  private static double share(int part, int whole) {
    return whole == 0 ? 0 : (double) part / whole;
  }
}
