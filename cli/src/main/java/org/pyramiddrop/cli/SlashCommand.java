package org.pyramiddrop.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParameterException;

/** What a chat's line says if it begins with a slash. */
final class SlashCommand {
  private static final List<String> HELP =
      List.of(
          "/image FILE    show an image with the next question",
          "/clear         forget what was said and shown",
          "/plan FLAGS    drop image tokens by another plan, with the flags of generate:",
          "               /plan --lambda 0.4, /plan --plan divprune:64; alone it says what the plan is",
          "/help          this list",
          "//WORDS        ask a question that begins with a slash",
          "Ctrl-C ends an answer or, at the prompt, the chat; so does Ctrl-D.");

  private SlashCommand() {}

  /** Flags of a plan, and nothing else. */
  @Command(name = "/plan")
  private static final class PlanFlags {
    @Mixin private PruningOptions pruning = new PruningOptions();
  }

  /**
   * Does what a line says.
   *
   * @param line begins with a slash
   * @param images how they are read
   * @return what to tell whoever wrote it, line by line
   * @throws UsageException if there is no such command
   * @throws IllegalArgumentException if the plan doesn't fit the model
   */
  static List<String> run(String line, ChatSession session, ImageOptions images) {
    String[] words = line.split("\\s+", 2);
    String rest = words.length > 1 ? words[1].strip() : "";
    return switch (words[0]) {
      case "/image" -> image(rest, session, images);
      case "/clear" -> {
        refuseWords("/clear", rest);
        session.clear();
        yield List.of("what was said and shown is forgotten");
      }
      case "/plan" -> plan(rest, session);
      case "/help" -> {
        refuseWords("/help", rest);
        yield HELP;
      }
      default ->
          throw new UsageException("there is no " + words[0] + "; /help lists what there is");
    };
  }

  private static List<String> image(String name, ChatSession session, ImageOptions images) {
    String file = unquoted(name);
    if (file.isEmpty()) {
      throw new UsageException("/image needs a FILE");
    }
    Image image = images.read(Path.of(file));
    session.show(image);
    return List.of(
        "%s, %d×%d pixels, goes with the next question"
            .formatted(file, image.width(), image.height()));
  }

  /** A name as terminals paste it: in quotes, or below the home folder. */
  private static String unquoted(String name) {
    if (name.length() > 1
        && (name.startsWith("'") || name.startsWith("\""))
        && name.endsWith(name.substring(0, 1))) {
      return name.substring(1, name.length() - 1);
    }
    return name.startsWith("~/") ? System.getProperty("user.home") + name.substring(1) : name;
  }

  private static List<String> plan(String flags, ChatSession session) {
    if (!flags.isEmpty()) {
      PlanFlags given = new PlanFlags();
      try {
        new CommandLine(given).parseArgs(flags.split("\\s+"));
      } catch (ParameterException e) {
        throw new UsageException("/plan: " + e.getMessage());
      }
      session.setPlan(given.pruning.plan());
    }
    return List.of(described(session.plan(), session.llava().config()));
  }

  private static String described(PruningPlan plan, LlavaConfig config) {
    Schedule schedule = plan.schedule(config.text().layers());
    ModelShape.Vision vision = ModelShape.of(config).vision();
    ImageShape crop = new ImageShape(List.of(vision.patches()), vision.tokens() - vision.patches());
    StringBuilder words = new StringBuilder("image tokens of a crop: ").append(crop.tokens());
    for (int left : plan.countsBeforeDecoder(crop)) {
      words.append(", ").append(left).append(" before the decoder");
    }
    int[] counts = schedule.counts(plan.entering(crop));
    for (int stage = 1; stage < counts.length; stage++) {
      words.append(
          String.format(
              Locale.ROOT, ", %d from layer %d on", counts[stage], schedule.firstLayer(stage)));
    }
    return words.toString();
  }

  private static void refuseWords(String command, String rest) {
    if (!rest.isEmpty()) {
      throw new UsageException(command + " takes nothing, got " + rest);
    }
  }
}
