package org.pyramiddrop.bench.accuracy.dataset;

import java.util.HashMap;
import java.util.Map;

/**
 * Puts back the apostrophe that a word like "dont" lacks, for the words that the VQA evaluation
 * knows.
 *
 * <p>Its table maps each form that lacks exactly one apostrophe to the full one, so the full ones
 * say all. Two things in it can't be guessed: "somebody'd" loses its apostrophe, and entries with a
 * capital "I" never meet a word, for words are lower case by then.
 */
final class Contractions {
  private static final String FULL =
      """
      ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't
      haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've
      might've mustn't must've needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've
      shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll
      someone's something'd something'd've something'll that's there'd there'd've there're there's
      they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're
      what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're
      why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're
      you've
      """;
  private static final Map<String, String> BY_FORM = byForm();

  private Contractions() {}

  static String spelled(String word) {
    return BY_FORM.getOrDefault(word, word);
  }

  private static Map<String, String> byForm() {
    Map<String, String> forms = new HashMap<>();
    for (String full : FULL.strip().split("\\s+", -1)) {
      for (int at = full.indexOf('\''); at >= 0; at = full.indexOf('\'', at + 1)) {
        forms.put(full.substring(0, at) + full.substring(at + 1), full);
      }
    }
    forms.put("somebody'd", "somebodyd");
    return Map.copyOf(forms);
  }
}
