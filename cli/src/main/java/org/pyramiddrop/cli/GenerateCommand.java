package org.pyramiddrop.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DeviceStatus;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Picture;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.LoadOptions;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.WeightType;
import org.pyramiddrop.transformer.drawing.Overlay;
import org.pyramiddrop.transformer.generation.Sampling;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Answers one question. */
@Command(
    name = "generate",
    description = "Answers a question about pictures, or about nothing but its own words.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class GenerateCommand implements Callable<Integer> {
  private final PrintWriter out;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "The folder of a Hugging Face checkpoint.")
  private Path model = Path.of("");

  @Option(
      names = "--image",
      paramLabel = "FILE",
      description = "A picture: PNG, JPEG or WebP. Give one flag for each.")
  private List<Path> images = new ArrayList<>();

  @ArgGroup(multiplicity = "1")
  private Prompt prompt = new Prompt();

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "The longest answer; ${DEFAULT-VALUE}.")
  private int maxTokens = 128;

  @Mixin private PruningOptions pruning = new PruningOptions();

  @Option(
      names = "--backend",
      paramLabel = "auto|cpu|cuda",
      converter = Choice.OfBackend.class,
      description = "What runs the model; auto takes the fastest there is.")
  private Backend backend = Backend.AUTO;

  @Option(
      names = "--dtype",
      paramLabel = "auto|float32|bfloat16|float16",
      converter = Choice.OfWeightType.class,
      description = "The type of the weights; auto leaves them as they are in the checkpoint.")
  private WeightType dtype = WeightType.AUTO;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "0, the default, always takes the likeliest token.")
  private double temperature;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description = "Draw from the likeliest tokens that have this probability together.")
  private @Nullable Double topP;

  @Option(names = "--seed", paramLabel = "N", description = "Seed of the draw; ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--format",
      paramLabel = "text|json",
      converter = Choice.OfFormat.class,
      description = "text streams the answer; json prints one object.")
  private Format format = Format.TEXT;

  @Option(
      names = "--logits",
      paramLabel = "K",
      description = "With json: the K highest logits of the first step.")
  private int logits;

  @Option(
      names = "--overlay",
      paramLabel = "PNG",
      description = "Draw which patches are still there, stage by stage.")
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
        description = "The whole prompt as it is, with <image> where pictures go.")
    private @Nullable String raw;

    private Question about(List<Picture> pictures) {
      String text = raw != null ? raw : words;
      if (text == null) {
        throw new BadUse("give --prompt or --raw-prompt");
      }
      return new Question(text, pictures, raw != null);
    }
  }

  GenerateCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    Options options = options();
    LlavaConfig config = ModelFolder.config(model);
    options.pruning().schedule(config.text().layers());
    if (overlay != null) {
      OverlayFile.check(overlay, config, images.size());
    }
    checkBackend();
    List<Picture> pictures = images.stream().map(Picture::read).toList();
    Question question = prompt.about(pictures);
    Progress progress = new Progress(2, "loading the model");
    try (progress;
        Llava llava =
            Llava.load(model, LoadOptions.defaults().withBackend(backend).withDtype(dtype))) {
      progress.next("reading the prompt");
      boolean streams = format == Format.TEXT;
      Answer answer =
          llava.ask(
              question,
              options,
              (id, text) -> {
                if (streams) {
                  progress.close();
                  out.print(text);
                  out.flush();
                }
                return true;
              });
      progress.close();
      if (overlay != null) {
        List<Picture> views = pictures.stream().map(llava::view).toList();
        OverlayFile.write(
            overlay,
            Overlay.draw(
                views, answer.stages(), config.text().layers(), config.vision().patchSize()));
      }
      print(answer, llava);
    }
    return 0;
  }

  private Options options() {
    if (topP != null && temperature == 0) {
      throw new BadUse("--top-p needs a --temperature above 0");
    }
    if (logits > 0 && format != Format.JSON) {
      throw new BadUse("--logits needs --format json");
    }
    return new Options(
        pruning.plan(), Sampling.of(temperature, topP == null ? 1 : topP, seed), maxTokens, logits);
  }

  private void checkBackend() {
    String name = Choice.spelling(backend);
    for (DeviceStatus device : Devices.all()) {
      if (device.name().equals(name) && !device.available()) {
        throw new BadUse("--backend " + name + " can't be used: " + device.detail());
      }
    }
  }

  private void print(Answer answer, Llava llava) {
    if (format == Format.JSON) {
      out.println(
          Json.write(GenerateJson.of(answer, llava.loadMillis(), llava.backend(), llava.dtype())));
      return;
    }
    out.println();
    if (answer.imageTokens() > 0) {
      out.println();
      Pyramid.table(answer.stages(), llava.config().text().layers()).forEach(out::println);
    }
    if (overlay != null) {
      out.println();
      out.println("overlay: " + overlay);
    }
  }
}
