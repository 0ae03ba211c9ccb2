package org.pyramiddrop.cli;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Picture;
import org.pyramiddrop.transformer.Conversation;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.Reply;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Answers questions that follow one another. */
@Command(
    name = "chat",
    description =
        "Answers questions that follow one another, one a line of the standard input, each with"
            + " all that was said before it.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ChatCommand implements Callable<Integer> {
  private final BufferedReader in;
  private final PrintWriter out;
  private final PrintWriter err;

  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = "--image",
      paramLabel = "FILE",
      description = "A picture that the questions are about. Give one flag for each.")
  private List<Path> images = new ArrayList<>();

  @Mixin private AnswerOptions answering = new AnswerOptions();

  @Option(
      names = "--format",
      paramLabel = "text|json",
      converter = Choice.OfFormat.class,
      description =
          "text streams the answers, and says on stderr what each was spared; json prints one"
              + " object a line.")
  private Format format = Format.TEXT;

  /** What {@code chat --format json} prints for a question. */
  private record ChatJson(
      String question,
      @JsonUnwrapped GenerateJson answer,
      int reusedTokens,
      int reusedLayers,
      double saved) {}

  /** What it prints for one that couldn't be asked. */
  private record ErrorJson(String question, String error) {}

  ChatCommand(BufferedReader in, PrintWriter out, PrintWriter err) {
    this.in = in;
    this.out = out;
    this.err = err;
  }

  @Override
  public Integer call() throws IOException {
    Options options = answering.options(format);
    LlavaConfig config = model.config();
    options.pruning().schedule(config.text().layers());
    model.checkBackend();
    List<Picture> pictures = images.stream().map(Picture::read).toList();
    Progress progress = new Progress(1, "loading the model");
    try (progress;
        Llava llava = model.load();
        Conversation conversation = llava.converse(options)) {
      progress.close();
      return answerAll(llava, conversation, pictures);
    }
  }

  /** The pictures go with the first question that can be asked. */
  private int answerAll(Llava llava, Conversation conversation, List<Picture> pictures)
      throws IOException {
    List<Picture> unseen = pictures;
    int code = 0;
    String line = nextLine();
    while (line != null) {
      if (!line.isBlank()) {
        try {
          answer(llava, conversation, Question.of(line.strip(), unseen));
          unseen = List.of();
        } catch (IllegalArgumentException | DeviceException e) {
          fail(line.strip(), Failure.message(e));
          code = Failure.FAILED;
        }
      }
      line = nextLine();
    }
    return code;
  }

  private @Nullable String nextLine() throws IOException {
    if (format == Format.TEXT && Terminal.isThere()) {
      out.print("> ");
      out.flush();
    }
    return in.readLine();
  }

  private void answer(Llava llava, Conversation conversation, Question question) {
    Progress progress = new Progress(1, "reading the prompt");
    try (progress) {
      Reply reply = conversation.ask(question, new Streamed(out, format, progress));
      progress.close();
      if (format == Format.JSON) {
        out.println(
            Json.write(
                new ChatJson(
                    question.prompt(),
                    GenerateJson.of(reply.answer(), llava),
                    reply.reusedTokens(),
                    reply.reusedLayers(),
                    reply.saved())));
        return;
      }
      out.println();
      err.println(
          String.format(
              Locale.ROOT,
              "reused %d of %d tokens in %d %s, saved %.1f%% of the prompt's FLOPs",
              reply.reusedTokens(),
              reply.answer().promptTokens(),
              reply.reusedLayers(),
              reply.reusedLayers() == 1 ? "layer" : "layers",
              100 * reply.saved()));
    }
  }

  private void fail(String question, String message) {
    if (format == Format.JSON) {
      out.println(Json.write(new ErrorJson(question, message)));
    } else {
      err.println("pyramiddrop: " + message);
    }
  }
}
