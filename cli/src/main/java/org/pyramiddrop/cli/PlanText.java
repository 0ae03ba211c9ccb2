package org.pyramiddrop.cli;

import java.util.List;

/** The pieces of a plan in words: two sentences each, and the paper. */
final class PlanText {
  static final String VISION_ZIP =
      "visionzip:D+C  VisionZip (Yang et al. 2024): of each crop, the D patches that the class token"
          + " attends to most stay. The rest is merged into C of them by the likeness of keys.";
  static final String DIV_PRUNE =
      "divprune:N  DivPrune (Alvar et al. 2025): of each picture's projected tokens, N that are far"
          + " from each other stay. Nothing else is read, so the choice holds for every question.";
  static final String CD_PRUNER =
      "cdpruner:N  CDPruner (Zhang et al. 2025): of each picture's projected tokens, N stay that are"
          + " relevant to the prompt and unlike each other. Relevance is the cosine with the prompt's"
          + " mean embedding, as a LLaVA folder has no CLIP text tower.";
  static final String RANDOM =
      "random:N@SEED[:tower|projector|LAYER]  N tokens of each picture stay by chance, after the"
          + " projector if no place is named; in the tower, of each crop. It is the control that"
          + " every other plan is to be held against.";
  static final String PYRAMID =
      "pyramid:S:X  PyramidDrop (Xing et al. 2024): of S equal stages of the decoder, each has the"
          + " share X of the image tokens of the one before. The prompt's last token ranks them.";
  static final String FAST_V =
      "fastv:K:R  FastV (Chen et al. 2024): behind K layers of the decoder the share R of the image"
          + " tokens goes, once. Those that stay keep the positions they have.";
  static final String LAYERS =
      "layers:8=.5/16=.25  PyramidDrop (Xing et al. 2024) with its drops behind these layers of the"
          + " decoder. Shares are of the image tokens that enter it.";

  /** All pieces, in order of place. */
  static final List<String> ALL =
      List.of(VISION_ZIP, DIV_PRUNE, CD_PRUNER, RANDOM, PYRAMID, FAST_V, LAYERS);

  private PlanText() {}
}
