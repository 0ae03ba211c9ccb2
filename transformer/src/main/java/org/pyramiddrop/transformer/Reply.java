package org.pyramiddrop.transformer;

/**
 * One answer of a conversation.
 *
 * @param answer the answer; its FLOPs are what its prompt would cost alone
 * @param reusedTokens tokens of the prompt that the first layers were spared, since they had seen
 *     them in an earlier turn
 * @param reusedLayers how many layers those are
 * @param flops what was really computed for the prompt, by the honest count
 */
public record Reply(Answer answer, int reusedTokens, int reusedLayers, double flops) {

  /** Which share of the prompt's cost was saved: 0 is none. */
  public double saved() {
    return 1 - flops / answer.flops().total();
  }
}
