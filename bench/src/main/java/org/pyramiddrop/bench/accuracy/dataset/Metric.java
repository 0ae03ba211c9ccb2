package org.pyramiddrop.bench.accuracy.dataset;

import java.util.List;
import java.util.Locale;

/** A rule that scores an answer against the accepted ones, from 0 to 1. */
public enum Metric {
  /**
   * 1 if the answer is one of the accepted, else 0. White space at the ends, how much of it stands
   * between words, and case don't count: a model that says "Red" for "red" has seen the same image.
   * Everything else counts, so "red." is wrong.
   */
  EXACT_MATCH("exact match"),

  /** The share of people who gave the answer, three being enough; {@link VqaAccuracy} has it. */
  VQA_ACCURACY("VQA accuracy"),

  /** 1 if an answer means the accepted "yes" or "no", as {@link PopeReport} reads it, else 0. */
  POPE_ACCURACY("POPE accuracy");

  private final String label;

  Metric(String label) {
    this.label = label;
  }

  public String label() {
    return label;
  }

  /**
   * Scores one answer.
   *
   * @param accepted at least one; exactly "yes" or "no" for {@link #POPE_ACCURACY}
   * @return 0 to 1
   */
  public double score(String answer, List<String> accepted) {
    requireScorable(accepted);
    return switch (this) {
      case EXACT_MATCH ->
          accepted.stream().map(Metric::plain).anyMatch(plain(answer)::equals) ? 1 : 0;
      case VQA_ACCURACY -> VqaAccuracy.score(answer, accepted);
      case POPE_ACCURACY -> PopeReport.saysYes(answer) == accepted.getFirst().equals("yes") ? 1 : 0;
    };
  }

  /** Refuses accepted answers that this rule can't compare with. */
  void requireScorable(List<String> accepted) {
    if (accepted.isEmpty()) {
      throw new IllegalArgumentException(label + " needs at least one accepted answer");
    }
    if (this == POPE_ACCURACY
        && (accepted.size() > 1 || !PopeReport.isLabel(accepted.getFirst()))) {
      throw new IllegalArgumentException(
          label + " needs \"yes\" or \"no\" as the only accepted answer, not " + accepted);
    }
  }

  private static String plain(String answer) {
    return VqaAccuracy.WHITE_SPACE.matcher(answer).replaceAll(" ").strip().toLowerCase(Locale.ROOT);
  }
}
