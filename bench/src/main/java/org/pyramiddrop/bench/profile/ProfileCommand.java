package org.pyramiddrop.bench.profile;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.Invocation;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.ModelWork;
import org.pyramiddrop.bench.OutputFile;
import org.pyramiddrop.bench.ResultFile;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.model.TowerInput;
import org.pyramiddrop.kernels.Profile;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Where every microsecond of a picture's encoding, a prefill and a decode step goes on the GPU. */
@Command(
    name = "profile",
    description = "Times a model on the GPU launch by launch, inside the graphs it runs as.",
    showDefaultValues = true)
public final class ProfileCommand implements Callable<Integer> {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,5})x(\\d{1,5})");

  private static final long SEED = 11;

  private final PrintWriter out;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(names = "--model", required = true, description = "a checkpoint's folder")
  private Path model = Path.of("");

  /** Ways of pruning. */
  private enum Plan {
    NONE,
    FASTV,
    PYRAMID;

    PruningPlan plan() {
      return switch (this) {
        case NONE -> PruningPlan.none();
        case FASTV -> PruningPlan.fastV(2, 0.5);
        case PYRAMID -> PruningPlan.pyramid(4, 0.5);
      };
    }
  }

  @Option(names = "--plan", description = "${COMPLETION-CANDIDATES}")
  private Plan plan = Plan.NONE;

  @Option(
      names = "--image-size",
      paramLabel = "WIDTHxHEIGHT",
      description = "of the picture, in pixels (the vision tower's own)")
  private @Nullable String imageSize;

  @Option(names = "--text-tokens", description = "beside the picture's; half of them before it")
  private int textTokens = ModelWork.TEXT_TOKENS;

  @Option(names = "--runs", description = "profiles of each part, of which medians are told")
  private int runs = 11;

  @Option(
      names = "--order",
      description =
          "graph times launches inside the graph, stream one by one (${COMPLETION-CANDIDATES})")
  private Profile.Order order = Profile.Order.GRAPH;

  @Option(names = "--markdown", description = "a Markdown file for the tables")
  private @Nullable Path markdown;

  public ProfileCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    if (runs < 1 || textTokens < 2) {
      throw new IllegalArgumentException("--runs must be at least 1 and --text-tokens at least 2");
    }
    OutputFile.check("--markdown", markdown);
    @Nullable Resolution size = imageSize == null ? null : resolution(imageSize);
    try (ModelOnDevice open =
        ModelOnDevice.open(model, Optional.empty(), ModelOnDevice.device("cuda"))) {
      int side = open.config().vision().imageSize();
      Resolution picture = size == null ? new Resolution(side, side) : size;
      report(open, TowerInput.random(open.config(), picture, SEED));
    }
    return 0;
  }

  private static Resolution resolution(String text) {
    Matcher size = SIZE.matcher(text);
    if (!size.matches()) {
      throw new IllegalArgumentException("--image-size is written as 672x336, not " + text);
    }
    return new Resolution(Integer.parseInt(size.group(2)), Integer.parseInt(size.group(1)));
  }

  private void report(ModelOnDevice open, TowerInput input) {
    ImageLayout picture = input.layout();
    List<String> facts =
        List.of(
            "machine: " + Machine.here(),
            "device: " + open.device(),
            "command: " + Invocation.of(spec),
            "setting: %d layers, %d wide; %d tokens of a picture in %d crops and %d of text"
                .formatted(
                    open.config().text().layers(),
                    open.config().text().hiddenSize(),
                    picture.tokens(),
                    picture.crops(),
                    textTokens),
            "a launch's time is from the event before it to the event behind it, the median of %d runs"
                .formatted(runs));
    ProfileReport report = new ProfileReport(facts, parts(open, input), open.dtype());
    report.document().lines().forEach(out::println);
    ResultFile.write(
        "profile.json",
        file -> {
          facts.forEach(fact -> file.withArray("facts").add(fact));
          report.json(file);
        });
    if (markdown != null) {
      OutputFile.write(markdown, report.document().markdown());
    }
  }

  private List<PartProfile> parts(ModelOnDevice open, TowerInput input) {
    ImageLayout picture = input.layout();
    ModelShape shape = ModelShape.of(open.config());
    PromptShape prompt =
        PromptShape.of(textTokens / 2, picture.tokens(), 1, textTokens - textTokens / 2);
    FlopCounter counter = new FlopCounter(shape, PruningPlan.none().schedule(shape.layers()));
    List<PartProfile> parts = new ArrayList<>();
    parts.add(
        new PartProfile(
            "one crop through vision tower and projector",
            new PartProfile.Work.Flops(counter.vision(1)),
            open.profileCrop(order, runs)));
    List<Integer> ids = ModelOnDevice.randomIds(open.config(), textTokens, SEED);
    try (RepeatedAnswer prompted = open.answer(ids, input, plan.plan(), 1)) {
      // Loads kernels, measures algorithms, and leaves a prompt's keys and values behind.
      prompted.answer(2);
      parts.add(
          new PartProfile(
              "prefill, %d tokens, plan %s".formatted(textTokens + picture.tokens(), plan),
              new PartProfile.Work.Flops(
                  ModelWork.prefill(shape, shape.layers(), plan.plan(), prompt)),
              prompted.profilePrefill(order, runs)));
      parts.add(
          new PartProfile(
              "decode step behind it",
              new PartProfile.Work.Bytes(
                  ModelWork.decodeStepBytes(
                      shape, plan.plan(), prompt, open.dtype(), open.dtype())),
              prompted.profileDecodeStep(order, runs)));
    }
    return parts;
  }
}
