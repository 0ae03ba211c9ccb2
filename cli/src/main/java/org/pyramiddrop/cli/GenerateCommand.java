package org.pyramiddrop.cli;

import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageView;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.drawing.Overlay;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Answers one question. */
@Command(
    name = "generate",
    description = "Answers a question about images, or about nothing but its own words.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class GenerateCommand implements Callable<Integer> {
  private static final Path STANDARD_INPUT = Path.of("-");

  private final InputStream in;
  private final PrintWriter out;

  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = "--image",
      paramLabel = "FILE",
      description =
          "An image: PNG, JPEG or WebP; - reads it from the standard input. Give one flag for"
              + " each.")
  private List<Path> imageFiles = new ArrayList<>();

  @Mixin private ImageOptions imageOptions = new ImageOptions();

  @ArgGroup(multiplicity = "1")
  private Prompt prompt = new Prompt();

  @Mixin private AnswerOptions answering = new AnswerOptions();

  @Option(
      names = "--format",
      paramLabel = "text|json",
      converter = EnumOption.OfFormat.class,
      description = "text streams the answer; json prints one object.")
  private Format format = Format.TEXT;

  @Option(
      names = "--overlay",
      paramLabel = "PNG",
      description =
          "Draw which patches are still there, stage by stage, and in amber those merged into others.")
  private @Nullable Path overlay;

  private static final class Prompt {
    @Option(
        names = "--prompt",
        paramLabel = "TEXT",
        required = true,
        description = "The question; the checkpoint's chat template goes around it.")
    private @Nullable String words;

    @Option(
        names = "--raw-prompt",
        paramLabel = "TEXT",
        required = true,
        description = "The whole prompt as it is, with <image> where images go.")
    private @Nullable String raw;

    private Question about(List<Image> images) {
      String text = raw != null ? raw : words;
      if (text == null) {
        throw new UsageException("give --prompt or --raw-prompt");
      }
      return new Question(text, images, raw != null);
    }
  }

  GenerateCommand(InputStream in, PrintWriter out) {
    this.in = in;
    this.out = out;
  }

  @Override
  public Integer call() {
    Options options = answering.options(format);
    imageOptions.limits();
    if (Collections.frequency(imageFiles, STANDARD_INPUT) > 1) {
      throw new UsageException(
          "--image - can be given once only; the standard input holds one image");
    }
    LlavaConfig config = model.config();
    options.pruning().schedule(config.text().layers());
    if (overlay != null) {
      OverlayFile.check(overlay, config, imageFiles);
    }
    model.checkBackend();
    List<Image> images = images();
    Question question = prompt.about(images);
    Progress progress = new Progress("loading the model");
    try (progress;
        Llava llava = model.load()) {
      Answer answer =
          llava.ask(question, options, new AnswerPrinter(out, format, progress, () -> false));
      progress.close();
      if (overlay != null) {
        List<ImageView> views = images.stream().map(llava::view).toList();
        OverlayFile.write(
            overlay,
            Overlay.draw(
                views,
                answer.cuts(),
                answer.stages(),
                config.text().layers(),
                config.vision().patchSize()));
      }
      print(answer, llava);
    }
    return 0;
  }

  private List<Image> images() {
    return imageFiles.stream()
        .map(file -> file.equals(STANDARD_INPUT) ? imageOptions.read(in) : imageOptions.read(file))
        .toList();
  }

  private void print(Answer answer, Llava llava) {
    if (format == Format.JSON) {
      out.println(Json.write(GenerateJson.of(answer, llava)));
      return;
    }
    out.println();
    if (answer.imageTokens() > 0) {
      out.println();
      int layers = llava.config().text().layers();
      StageText.table(answer.imageTokens(), answer.cuts(), answer.stages(), layers)
          .forEach(out::println);
    }
    if (overlay != null) {
      out.println();
      out.println("overlay: " + overlay);
    }
    out.println();
    out.println(SpeedText.of(answer));
  }
}
