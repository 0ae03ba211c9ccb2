package org.pyramiddrop.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.transformer.pruning.ModelShape;
import picocli.CommandLine.Command;
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

  @Option(
      names = "--image-tokens",
      paramLabel = "N",
      split = ",",
      description = "Image token counts; those of 1, 5 and 9 pictures if none are given.")
  private @Nullable List<Integer> imageTokens;

  @Option(
      names = "--text-tokens",
      paramLabel = "N",
      description = "Text tokens of the prompt; ${DEFAULT-VALUE}.")
  private int textTokens = 60;

  @Option(
      names = "--format",
      paramLabel = "text|json",
      converter = Choice.OfFormat.class,
      description = "text prints a table, json one object.")
  private Format format = Format.TEXT;

  FlopsCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    if (textTokens < 1) {
      throw new BadUse("--text-tokens must be at least 1, got " + textTokens);
    }
    ModelShape shape =
        model == null ? ModelShape.LLAVA_7B : ModelShape.of(ModelFolder.config(model));
    int each = shape.vision().tokens();
    List<Integer> counts = imageTokens == null ? List.of(each, 5 * each, 9 * each) : imageTokens;
    for (int count : counts) {
      if (count < 0) {
        throw new BadUse("--image-tokens must not be negative, got " + count);
      }
    }
    FlopsTable table = FlopsTable.of(shape, counts, textTokens);
    if (format == Format.JSON) {
      out.println(Json.write(table));
    } else {
      table.lines().forEach(out::println);
    }
    return 0;
  }
}
