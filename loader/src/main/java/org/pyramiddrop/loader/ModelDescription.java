package org.pyramiddrop.loader;

import java.util.List;
import java.util.Optional;

/**
 * What builds a model, whatever family and layout its files are of: sizes, and the names its
 * tensors have in the checkpoint at hand.
 *
 * @param imageNewline the name of the tensor that ends each row of a tiled image; empty where
 *     images are not cut into tiles
 */
public record ModelDescription(
    VisionTowerDescription visionTower,
    ProjectorDescription projector,
    DecoderDescription decoder,
    Optional<String> imageNewline) {

  /**
   * Describes a model.
   *
   * @param checkpoint what has the decoder's and the projector's tensors
   * @param towerCheckpoint what has the vision tower's: the same, or that of another folder
   * @throws CheckpointException if no output head is stored and the embedding must not serve
   */
  public static ModelDescription of(
      LlavaConfig config, Checkpoint checkpoint, Checkpoint towerCheckpoint) {
    VisionTowerDescription tower = visionTower(config, towerCheckpoint);
    TensorNames names = new TensorNames(checkpoint, config.original() != null);
    int features = tower.featureStates().size() * tower.hiddenSize();
    int hidden = config.text().hiddenSize();
    return new ModelDescription(
        tower,
        new ProjectorDescription(
            features,
            hidden,
            config.projectorBias(),
            names.firstProjection(),
            names.secondProjection()),
        decoder(config, names),
        config.anyResolution() ? Optional.of(names.imageNewline()) : Optional.empty());
  }

  private static VisionTowerDescription visionTower(LlavaConfig config, Checkpoint checkpoint) {
    VisionConfig vision = config.vision();
    int states = vision.layers() + 1;
    List<Integer> read =
        config.visionFeatureLayers().stream().map(l -> l < 0 ? l + states : l).toList();
    return new VisionTowerDescription(
        read.stream().mapToInt(Integer::intValue).max().orElseThrow(),
        vision.hiddenSize(),
        vision.intermediateSize(),
        vision.heads(),
        vision.imageSize(),
        vision.patchSize(),
        vision.channels(),
        vision.layerNormEps(),
        vision.activation().equals("gelu")
            ? VisionTowerDescription.Gelu.EXACT
            : VisionTowerDescription.Gelu.QUICK,
        read,
        config.keepsClassToken(),
        new TensorNames(checkpoint, config.original() != null).visionTower());
  }

  private static DecoderDescription decoder(LlavaConfig config, TensorNames names) {
    TextConfig text = config.text();
    return new DecoderDescription(
        text.layers(),
        text.hiddenSize(),
        text.intermediateSize(),
        text.heads(),
        text.keyValueHeads(),
        text.headSize(),
        text.vocabSize(),
        text.maxPositions(),
        text.rmsNormEps(),
        text.ropeTheta(),
        text.attentionBias(),
        names.decoder(),
        names.outputHead(config.tieWordEmbeddings()),
        config.quantization());
  }
}
