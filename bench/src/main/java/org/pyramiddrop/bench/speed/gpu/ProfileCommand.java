package org.pyramiddrop.bench.speed.gpu;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.OptionValues;
import org.pyramiddrop.bench.report.ReportingCommand;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.kernels.Profile;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Where every microsecond of an image's encoding, a prefill and a decode step goes on the GPU. */
@Command(
    name = "profile",
    description = "Times a model on the GPU launch by launch, inside the graphs it runs as.",
    showDefaultValues = true)
public final class ProfileCommand extends ReportingCommand {
  private static final long SEED = 11;

  @Option(names = "--model", required = true)
  private Path model = Path.of("");

  @Option(names = "--plan")
  private PruningChoice plan = PruningChoice.NONE;

  @Option(names = "--image-size", paramLabel = "WIDTHxHEIGHT")
  private @Nullable String imageSize;

  @Option(names = "--text-tokens")
  private int textTokens = ModelWork.TEXT_TOKENS;

  @Option(names = "--runs")
  private int runs = 11;

  @Option(names = "--order")
  private Profile.Order order = Profile.Order.GRAPH;

  private record Result(List<PartProfile> parts) {}

  @Override
  public Integer call() {
    OptionValues.atLeast(1, "--runs", runs);
    OptionValues.atLeast(2, "--text-tokens", textTokens);
    checkMarkdown();
    @Nullable Resolution size =
        imageSize == null ? null : OptionValues.imageSize("--image-size", imageSize);
    try (ModelOnDevice open =
        ModelOnDevice.open(model, Optional.empty(), ModelOnDevice.device("cuda"))) {
      int side = open.config().vision().imageSize();
      Resolution image = size == null ? new Resolution(side, side) : size;
      ModelInput input = ModelInput.random(open.config(), image, textTokens, SEED);
      ImageLayout layout = input.image().layout();
      List<PartProfile> parts = parts(open, input);
      List<String> facts =
          facts(
              open.device(),
              "setting: %d layers, %d wide; %d tokens of an image in %d crops and %d of text"
                  .formatted(
                      open.config().text().layers(),
                      open.config().text().hiddenSize(),
                      layout.tokens(),
                      layout.crops(),
                      textTokens),
              "a launch's time is from the event before it to the event behind it, the median of %d runs"
                  .formatted(runs));
      Document document =
          new Document(facts, parts.stream().<Table<?>>map(PartProfile::table).toList());
      publish(document, "profile.json", new Result(parts));
    }
    return 0;
  }

  private List<PartProfile> parts(ModelOnDevice open, ModelInput input) {
    ImageLayout image = input.image().layout();
    ModelShape shape = ModelShape.of(open.config());
    List<PartProfile> parts = new ArrayList<>();
    int crops = open.engine().imageEncoder().cropsTogether(image.crops());
    parts.add(
        PartProfile.of(
            "%s through vision tower and projector"
                .formatted(crops == 1 ? "one crop" : crops + " crops"),
            crops * (ModelWork.visionTower(shape) + ModelWork.projector(shape)),
            null,
            open.engine().imageEncoder().profile(crops, order, runs)));
    try (RepeatedAnswer answer = open.answer(input, plan.plan(), 1)) {
      // Loads kernels, measures algorithms, and leaves a prompt's keys and values behind.
      answer.answer(2);
      PromptShape prompt = answer.shape();
      parts.add(
          PartProfile.of(
              "prefill, %d tokens, plan %s".formatted(textTokens + image.tokens(), plan),
              ModelWork.prefill(shape, shape.layers(), plan.plan(), prompt),
              null,
              answer.profilePrefill(order, runs)));
      parts.add(
          PartProfile.of(
              "decode step behind it",
              null,
              ModelWork.decodeStepBytes(shape, plan.plan(), prompt, open.weights(), open.dtype()),
              answer.profileDecodeStep(order, runs)));
    }
    return parts;
  }
}
