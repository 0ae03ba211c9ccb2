package org.pyramiddrop.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.loader.VisionConfig;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * What is in a checkpoint.
 *
 * @param types how many tensors there are of each type
 * @param pyramid the default plan's stages for one picture; empty where the decoder has too few
 *     layers for it
 * @param list every tensor, if they were asked for
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Inspection(
    String folder,
    int files,
    int tensors,
    long parameters,
    long bytes,
    Map<String, Integer> types,
    LlavaConfig config,
    List<Stage> pyramid,
    @Nullable List<Tensor> list) {

  /** One stage of the default plan. */
  record Stage(int firstLayer, int layers, int imageTokens) {}

  /** One tensor of the checkpoint. */
  record Tensor(String name, String type, List<Long> shape, long bytes) {}

  static Inspection of(Checkpoint checkpoint, LlavaConfig config, boolean list) {
    Map<String, Integer> types = new TreeMap<>();
    List<Tensor> tensors = new ArrayList<>();
    long parameters = 0;
    for (String name : checkpoint.names()) {
      StoredTensor tensor = checkpoint.tensor(name);
      types.merge(tensor.type().name(), 1, Integer::sum);
      parameters += tensor.elements();
      tensors.add(new Tensor(name, tensor.type().name(), tensor.shape(), tensor.data().byteSize()));
    }
    return new Inspection(
        checkpoint.folder().toString(),
        checkpoint.files(),
        tensors.size(),
        parameters,
        checkpoint.bytes(),
        types,
        config,
        pyramid(config),
        list ? tensors : null);
  }

  private static List<Stage> pyramid(LlavaConfig config) {
    int layers = config.text().layers();
    int stages = Options.defaults().pruning().drops().size() + 1;
    if (layers < stages) {
      return List.of();
    }
    Schedule schedule = Options.defaults().pruning().schedule(layers);
    int[] counts = schedule.counts(ModelShape.of(config).vision().tokens());
    List<Stage> pyramid = new ArrayList<>();
    for (int i = 0; i < counts.length; i++) {
      pyramid.add(new Stage(schedule.firstLayer(i), schedule.layersIn(i), counts[i]));
    }
    return pyramid;
  }

  /** The same for people. */
  List<String> lines() {
    VisionConfig vision = config.vision();
    TextConfig text = config.text();
    List<String> lines = new ArrayList<>();
    lines.add("folder    " + folder);
    lines.add(
        "weights   %d tensors in %d %s, %s parameters, %s; %s"
            .formatted(
                tensors,
                files,
                files == 1 ? "file" : "files",
                Sizes.count(parameters),
                Sizes.bytes(bytes),
                types));
    lines.add(
        "vision    %d layers of %d (%d heads, feed-forward %d), %d pixels in patches of %d: %d patches"
            .formatted(
                vision.layers(),
                vision.hiddenSize(),
                vision.heads(),
                vision.intermediateSize(),
                vision.imageSize(),
                vision.patchSize(),
                vision.patches()));
    lines.add("features  of layer " + config.visionFeatureLayers());
    lines.add(
        "decoder   %s, %d layers of %d (%d heads of %d, %d for keys and values, feed-forward %d)"
            .formatted(
                text.modelType(),
                text.layers(),
                text.hiddenSize(),
                text.heads(),
                text.headSize(),
                text.keyValueHeads(),
                text.intermediateSize()));
    lines.add(
        "tokens    %d in the vocabulary, %d in the context, image token %d"
            .formatted(text.vocabSize(), text.maxPositions(), config.imageTokenId()));
    if (pyramid.isEmpty()) {
      lines.add("pyramid   none; the default one needs more layers");
    }
    for (Stage stage : pyramid) {
      lines.add(
          "%s%d image tokens from layer %d on"
              .formatted(
                  stage.firstLayer() == 0 ? "pyramid   " : "          ",
                  stage.imageTokens(),
                  stage.firstLayer()));
    }
    if (list != null) {
      lines.add("");
      for (Tensor tensor : list) {
        lines.add(tensor.name() + "  " + tensor.type() + " " + tensor.shape());
      }
    }
    return lines;
  }
}
