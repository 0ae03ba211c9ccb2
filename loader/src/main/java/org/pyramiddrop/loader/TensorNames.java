package org.pyramiddrop.loader;

import java.util.Optional;

/**
 * Where a checkpoint keeps its tensors: both generations of Hugging Face names, and those of the
 * original LLaVA repository.
 */
final class TensorNames {
  private static final String[] TOWER = {
    "model.vision_tower.vision_model.",
    "model.vision_tower.",
    "vision_tower.",
    "vision_tower.vision_model."
  };

  /** Inside the model; in a folder of its own, alone or in a whole CLIP model. */
  private static final String[] ORIGINAL_TOWER = {
    "model.vision_tower.vision_tower.vision_model.", "", "vision_model."
  };

  private static final String HEAD = "lm_head.weight";

  private final Checkpoint checkpoint;
  private final boolean original;

  TensorNames(Checkpoint checkpoint, boolean original) {
    this.checkpoint = checkpoint;
    this.original = original;
  }

  /**
   * The first of some prefixes under which the checkpoint has {@code name}; the last if none has.
   */
  private String prefix(String name, String... prefixes) {
    for (String prefix : prefixes) {
      if (checkpoint.contains(prefix + name)) {
        return prefix;
      }
    }
    return prefixes[prefixes.length - 1];
  }

  String visionTower() {
    return prefix("embeddings.class_embedding", original ? ORIGINAL_TOWER : TOWER);
  }

  String decoder() {
    return prefix(
        "embed_tokens.weight", "model.language_model.", "model.", "language_model.model.");
  }

  /**
   * The output head. One that is stored counts whatever the configuration says, as in the
   * transformers library: {@code tie_word_embeddings} is often left over from another version of
   * the model.
   *
   * @param tied whether the embedding serves where none is stored
   * @return empty if the embedding is the head
   * @throws CheckpointException if none is stored and the embedding must not serve
   */
  Optional<String> outputHead(boolean tied) {
    String name = prefix(HEAD, "", "language_model.") + HEAD;
    if (checkpoint.contains(name)) {
      return Optional.of(name);
    }
    if (tied) {
      return Optional.empty();
    }
    throw new CheckpointException(
        checkpoint.folder(),
        HEAD,
        "not in this checkpoint, and config.json doesn't say that the embedding serves for it"
            + " (tie_word_embeddings)");
  }

  // In the original layout the projector is a sequence whose member 1 is the GELU.
  String firstProjection() {
    return original ? "model.mm_projector.0" : projector() + "linear_1";
  }

  String secondProjection() {
    return original ? "model.mm_projector.2" : projector() + "linear_2";
  }

  private String projector() {
    return prefix("linear_1.weight", "model.multi_modal_projector.", "multi_modal_projector.");
  }

  String imageNewline() {
    return prefix("image_newline", "model.", "") + "image_newline";
  }
}
