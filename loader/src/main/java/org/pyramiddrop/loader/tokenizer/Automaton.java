package org.pyramiddrop.loader.tokenizer;

import java.util.Arrays;
import java.util.List;

/**
 * Finds which of many texts begins where in another, in time that grows with the lengths alone: a
 * trie of the texts read backwards with a link from each state to that of its longest suffix (Aho
 * and Corasick), run over the other text from its end.
 */
final class Automaton {
  static final int NONE = -1;
  private static final int ROOT = 0;

  private final PairTable transitions;
  private final int[] link;
  // The longest of the texts that ends, read backwards, in a state.
  private final int[] longest;
  private final boolean[] last = new boolean[1 << Character.SIZE];

  /** Of equal texts the first one counts; none is empty. */
  Automaton(List<String> texts) {
    int chars = texts.stream().mapToInt(String::length).reduce(0, Math::addExact);
    transitions = new PairTable(chars + 1);
    int[] parent = new int[chars + 1];
    char[] via = new char[chars + 1];
    int[] ownText = new int[chars + 1];
    Arrays.fill(ownText, NONE);
    int states = 1;
    int[] depth = new int[chars + 1];
    for (int number = 0; number < texts.size(); number++) {
      String text = texts.get(number);
      last[text.charAt(text.length() - 1)] = true;
      int state = ROOT;
      for (int i = text.length() - 1; i >= 0; i--) {
        int next = transitions.get(state, text.charAt(i));
        if (next == NONE) {
          next = states++;
          transitions.put(state, text.charAt(i), next);
          parent[next] = state;
          via[next] = text.charAt(i);
          depth[next] = depth[state] + 1;
        }
        state = next;
      }
      ownText[state] = ownText[state] == NONE ? number : ownText[state];
    }
    link = new int[states];
    longest = Arrays.copyOf(ownText, states);
    for (int state : byDepth(depth, states)) {
      if (state == ROOT) {
        continue;
      }
      link[state] = parent[state] == ROOT ? ROOT : next(link[parent[state]], via[state]);
      if (longest[state] == NONE) {
        longest[state] = longest[link[state]];
      }
    }
  }

  /**
   * For each index of a text which is the longest of the texts that begin there, or {@link #NONE};
   * an empty list if none begins anywhere.
   */
  int[] beginnings(String text) {
    int[] found = {};
    int state = ROOT;
    for (int i = text.length() - 1; i >= 0; i--) {
      char c = text.charAt(i);
      if (state == ROOT && !last[c]) {
        continue;
      }
      state = next(state, c);
      if (longest[state] != NONE) {
        if (found.length == 0) {
          found = new int[text.length()];
          Arrays.fill(found, NONE);
        }
        found[i] = longest[state];
      }
    }
    return found;
  }

  private int next(int from, char c) {
    int state = from;
    while (true) {
      int next = transitions.get(state, c);
      if (next != NONE) {
        return next;
      }
      if (state == ROOT) {
        return ROOT;
      }
      state = link[state];
    }
  }

  private static int[] byDepth(int[] depth, int states) {
    int[] starts = new int[states + 1];
    for (int state = 0; state < states; state++) {
      starts[depth[state] + 1]++;
    }
    for (int d = 1; d <= states; d++) {
      starts[d] += starts[d - 1];
    }
    int[] order = new int[states];
    for (int state = 0; state < states; state++) {
      order[starts[depth[state]]++] = state;
    }
    return order;
  }
}
