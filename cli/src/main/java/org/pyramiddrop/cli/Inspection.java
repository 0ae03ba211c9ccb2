package org.pyramiddrop.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.OriginalLayout;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.loader.VisionConfig;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * What is in a checkpoint.
 *
 * @param visionTower where the vision tower of a checkpoint in the original LLaVA layout is; null
 *     in the Hugging Face layout
 * @param types how many tensors there are of each type
 * @param images what images of some sizes become, where that depends on the size; the first has
 *     that of the vision tower's square
 * @param pyramid the default plan's stages for one image, the first of those; empty where the
 *     decoder has too few layers for it
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
    @Nullable String visionTower,
    LlavaConfig config,
    @Nullable List<Sized> images,
    List<Stage> pyramid,
    @Nullable List<Tensor> list) {
  private static final List<Resolution> SIZES =
      List.of(
          new Resolution(480, 640),
          new Resolution(640, 480),
          new Resolution(1024, 1024),
          new Resolution(1080, 1920));

  /**
   * What an image becomes.
   *
   * @param crops how many images go through the vision tower for it
   */
  record Sized(int width, int height, int crops, int imageTokens) {}

  /** One stage of the default plan. */
  record Stage(int firstLayer, int layers, int imageTokens) {}

  /** One tensor of the checkpoint. */
  record Tensor(String name, String type, List<Long> shape, long bytes) {}

  static Inspection of(
      Checkpoint checkpoint, LlavaConfig config, @Nullable Path towerFolder, boolean list) {
    Map<String, Integer> types = new TreeMap<>();
    List<Tensor> tensors = new ArrayList<>();
    long parameters = 0;
    for (String name : checkpoint.names()) {
      StoredTensor tensor = checkpoint.tensor(name);
      types.merge(tensor.type().name(), 1, Integer::sum);
      parameters +=
          config.quantization().map(stored -> stored.parameters(tensor)).orElse(tensor.elements());
      tensors.add(new Tensor(name, tensor.type().name(), tensor.shape(), tensor.data().byteSize()));
    }
    return new Inspection(
        checkpoint.folder().toString(),
        checkpoint.files(),
        tensors.size(),
        parameters,
        checkpoint.bytes(),
        types,
        visionTower(checkpoint, config.original(), towerFolder),
        config,
        config.anyResolution() ? images(config) : null,
        pyramid(config),
        list ? tensors : null);
  }

  private static List<Sized> images(LlavaConfig config) {
    List<Resolution> sizes = new ArrayList<>(List.of(square(config)));
    sizes.addAll(SIZES);
    return sizes.stream()
        .map(size -> {
          ImageLayout layout = ImageLayout.of(config, size);
          return new Sized(size.width(), size.height(), layout.crops(), layout.tokens());
        })
        .toList();
  }

  private static Resolution square(LlavaConfig config) {
    int side = config.vision().imageSize();
    return new Resolution(side, side);
  }

  private static @Nullable String visionTower(
      Checkpoint checkpoint, @Nullable OriginalLayout original, @Nullable Path folder) {
    if (original == null) {
      return null;
    }
    String named = "'" + original.visionTower() + "'";
    if (original.isInside(checkpoint)) {
      return named + ", inside";
    }
    return folder == null
        ? named + ", not here: give its folder with --vision-tower"
        : named + ", from " + folder;
  }

  private static List<Stage> pyramid(LlavaConfig config) {
    int layers = config.text().layers();
    int stages = Options.defaults().pruning().drops().size() + 1;
    if (layers < stages) {
      return List.of();
    }
    Schedule schedule = Options.defaults().pruning().schedule(layers);
    int[] counts = schedule.counts(ImageLayout.of(config, square(config)).tokens());
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
                NumberText.count(parameters),
                NumberText.bytes(bytes),
                types));
    config.quantization().ifPresent(stored -> lines.add("matrices  of " + stored.label()));
    if (visionTower != null) {
      lines.add("layout    of the original LLaVA; vision tower " + visionTower);
    }
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
        "tokens    %d in the vocabulary, %d in the context, %s"
            .formatted(
                text.vocabSize(),
                text.maxPositions(),
                config.original() == null
                    ? "image token " + config.imageTokenId()
                    : "no image token"));
    if (images != null) {
      lines.add(
          "tiles     that make up "
              + config.pinpoints().stream()
                  .map(Resolution::toString)
                  .collect(Collectors.joining(", ")));
    }
    for (Sized size : images == null ? List.<Sized>of() : images) {
      lines.add(
          "image     of %d×%d: %d crops, %d image tokens"
              .formatted(size.width(), size.height(), size.crops(), size.imageTokens()));
    }
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
