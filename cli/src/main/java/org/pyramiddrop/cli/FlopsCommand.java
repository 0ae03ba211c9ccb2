package org.pyramiddrop.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Prints what a prompt costs under several plans. */
@Command(
    name = "flops",
    description =
        "What a prompt costs up to its first answer token, pruned in several ways: the paper's"
            + " count of image tokens beside everything that is run.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class FlopsCommand implements Callable<Integer> {
  private final PrintWriter out;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "Take the sizes from this checkpoint; without it, those of LLaVA-1.5 7B.")
  private @Nullable Path model;

  @Mixin private VisionTowerOption visionTower = new VisionTowerOption();

  @Option(
      names = "--image-tokens",
      paramLabel = "N",
      split = ",",
      description = "Image token counts; those of 1, 5 and 9 images if none are given.")
  private @Nullable List<Integer> imageTokens;

  @Option(
      names = "--image-size",
      paramLabel = "WxH",
      split = ",",
      description = "Images of these sizes as the --model takes them, instead of token counts.")
  private @Nullable List<String> imageSizes;

  @Option(
      names = "--text-tokens",
      paramLabel = "N",
      description = "Text tokens of the prompt; ${DEFAULT-VALUE}.")
  private int textTokens = 60;

  @Option(
      names = "--plan",
      paramLabel = "PIECES",
      description =
          "A further plan to count, as generate has it; give one flag for each. The shape of the"
              + " images decides what it keeps of each crop.")
  private List<String> plans = new ArrayList<>();

  @Option(
      names = "--format",
      paramLabel = "text|json",
      converter = EnumOption.OfFormat.class,
      description = "text prints a table, json one object.")
  private Format format = Format.TEXT;

  FlopsCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    if (textTokens < 1) {
      throw new UsageException("--text-tokens must be at least 1, got " + textTokens);
    }
    LlavaConfig config = config();
    ModelShape shape = config == null ? ModelShape.LLAVA_7B : ModelShape.of(config);
    List<ImageShape> images = imageSizes == null ? counted(shape) : sized(config, imageSizes);
    List<FlopsTable.Strategy> strategies = new ArrayList<>(FlopsTable.STRATEGIES);
    plans.forEach(plan -> strategies.add(new FlopsTable.Strategy(plan, PruningPlan.parse(plan))));
    FlopsTable table = FlopsTable.of(shape, images, textTokens, strategies);
    if (format == Format.JSON) {
      out.println(Json.write(table));
    } else {
      table.lines().forEach(out::println);
    }
    return 0;
  }

  private @Nullable LlavaConfig config() {
    if (model != null) {
      return ModelFolder.config(model, visionTower.folder());
    }
    if (visionTower.folder() != null) {
      throw new UsageException("--vision-tower needs a --model");
    }
    return null;
  }

  /** As many whole images as it takes to give each count. */
  private List<ImageShape> counted(ModelShape shape) {
    int each = shape.vision().tokens();
    List<Integer> counts = imageTokens == null ? List.of(each, 5 * each, 9 * each) : imageTokens;
    for (int count : counts) {
      if (count < 0) {
        throw new UsageException("--image-tokens must not be negative, got " + count);
      }
    }
    int others = shape.vision().tokens() - shape.vision().patches();
    return counts.stream().map(count -> crops(count, each, others)).toList();
  }

  /** Whole crops, the last of which may give fewer tokens. */
  private static ImageShape crops(int count, int each, int others) {
    List<Integer> patches = new ArrayList<>();
    int otherTokens = 0;
    for (int left = count; left > 0; left -= each) {
      int own = Math.min(others, left);
      patches.add(Math.min(left, each) - own);
      otherTokens += own;
    }
    return new ImageShape(patches, otherTokens);
  }

  private List<ImageShape> sized(@Nullable LlavaConfig config, List<String> sizes) {
    if (config == null) {
      throw new UsageException("--image-size needs a --model, which says what it makes of images");
    }
    if (imageTokens != null) {
      throw new UsageException("--image-size doesn't go with --image-tokens");
    }
    return sizes.stream()
        .map(size -> {
          ImageLayout layout = ImageLayout.of(config, NumberText.resolution("--image-size", size));
          return ImageShape.of(layout);
        })
        .toList();
  }
}
