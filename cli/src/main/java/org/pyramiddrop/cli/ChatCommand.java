package org.pyramiddrop.cli;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Reply;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Answers questions that follow one another. */
@Command(
    name = "chat",
    description = {
      "Answers questions that follow one another, one a line of the standard input, each with all"
          + " that was said before it.",
      "Lines that begin with a slash are commands: /image FILE, /clear, /plan FLAGS, /help."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ChatCommand implements Callable<Integer> {
  private final InputLines in;
  private final PrintWriter out;
  private final PrintWriter err;

  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = "--image",
      paramLabel = "FILE",
      description = "An image that the questions are about. Give one flag for each.")
  private List<Path> imageFiles = new ArrayList<>();

  @Mixin private ImageOptions imageOptions = new ImageOptions();

  @Mixin private AnswerOptions answering = new AnswerOptions();

  @Option(
      names = "--format",
      paramLabel = "text|json",
      converter = EnumOption.OfFormat.class,
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

  ChatCommand(InputLines in, PrintWriter out, PrintWriter err) {
    this.in = in;
    this.out = out;
    this.err = err;
  }

  @Override
  public Integer call() throws IOException {
    Options options = answering.options(format);
    imageOptions.limits();
    if (imageFiles.contains(Path.of("-"))) {
      throw new UsageException("--image - doesn't go with chat, which reads questions from there");
    }
    LlavaConfig config = model.config();
    options.pruning().schedule(config.text().layers());
    model.checkBackend();
    List<Image> images = imageFiles.stream().map(imageOptions::read).toList();
    Progress progress = new Progress("loading the model");
    try (progress;
        Llava llava = model.load();
        ChatSession session = new ChatSession(llava, options, images)) {
      progress.close();
      if (!Terminal.isThere()) {
        return answerAll(session, QuestionSource.of(in));
      }
      try (QuestionSource questions = TypedQuestions.atTheTerminal()) {
        answerAll(session, questions);
        // Whoever types saw what couldn't be asked, and went on.
        return 0;
      }
    }
  }

  /** Answers one question after another; the others go on where one fails. */
  int answerAll(ChatSession session, QuestionSource questions) throws IOException {
    int code = 0;
    InputLine line = questions.next();
    while (line != null && !out.checkError()) {
      String words = line.text() == null ? "" : line.text().strip();
      try {
        line.words();
        if (words.startsWith("/") && !words.startsWith("//")) {
          SlashCommand.run(words, session, imageOptions).forEach(err::println);
        } else if (!words.isEmpty()) {
          answer(session, words.startsWith("/") ? words.substring(1) : words, questions);
        }
      } catch (RuntimeException | OutOfMemoryError e) {
        if (!ExitReason.isOfOneQuestion(e)) {
          throw e;
        }
        fail(words, ExitReason.message(e));
        code = ExitReason.FAILED;
      }
      line = questions.next();
    }
    return code;
  }

  private void answer(ChatSession session, String words, QuestionSource questions) {
    questions.answerBegins();
    Progress progress = new Progress("reading the prompt");
    try (progress) {
      Reply reply =
          session.ask(words, new AnswerPrinter(out, format, progress, questions::stopped));
      progress.close();
      if (format == Format.JSON) {
        out.println(
            Json.write(
                new ChatJson(
                    words,
                    GenerateJson.of(reply.answer(), session.llava()),
                    reply.reusedTokens(),
                    reply.reusedLayers(),
                    reply.saved())));
        return;
      }
      out.println();
      if (reply.reusedTokens() > 0) {
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
    } catch (CancellationException e) {
      if (!questions.stopped()) {
        throw e;
      }
      progress.close();
      err.println("stopped; the question counts as not asked");
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
