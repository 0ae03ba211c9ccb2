package org.pyramiddrop.soak;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CancellationException;
import javax.imageio.ImageIO;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageException;
import org.pyramiddrop.loader.ImageLimits;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Conversation;
import org.pyramiddrop.transformer.Finish;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.Request;
import org.pyramiddrop.transformer.Stage;
import org.pyramiddrop.transformer.TokenListener;
import org.pyramiddrop.transformer.TokenLogit;
import org.pyramiddrop.transformer.TokenProbability;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** One thing to ask, again and again, with the same outcome each time. */
record Ask(String name, Attempt attempt) {
  private static final String SHAPE = "what shape is cyan ?";
  private static final String COUNT = "how many triangle s are there ?";
  private static final Options SHORT = Options.defaults().withMaxTokens(6);
  private static final Options PYRAMID = SHORT.withPruning(PruningPlan.pyramid(4, 0.5));

  /** Asks, and returns what compares equal when the same is asked. */
  @FunctionalInterface
  interface Attempt {
    Object run() throws IOException;
  }

  /** What of an answer is the same each time. */
  private record Outcome(
      String text,
      List<Integer> tokens,
      Finish finish,
      List<Stage> stages,
      List<TokenLogit> logits,
      List<TokenProbability> probabilities) {
    static Outcome of(Answer answer) {
      return new Outcome(
          answer.text(),
          answer.tokenIds(),
          answer.finish(),
          answer.stages(),
          answer.logits(),
          answer.probabilities());
    }
  }

  /** Ends an answer behind a layer of the prefill, else behind the first token. */
  private record Stopping(int layers) implements TokenListener {
    @Override
    public boolean onToken(int id, String text) {
      return false;
    }

    @Override
    public boolean onProgress(Phase phase, int done, int total) {
      return phase == Phase.VISION || done < layers;
    }
  }

  /** All kinds of requests about each of these images. */
  static List<Ask> all(Llava model, List<Path> images) {
    return images.stream().flatMap(image -> about(model, image).stream()).toList();
  }

  private static List<Ask> about(Llava model, Path image) {
    Options fastV = SHORT.withPruning(PruningPlan.fastV(2, 0.5));
    Options sampled = PYRAMID.withSampling(Sampling.of(1.3, 0.9, 7));
    Options told = PYRAMID.withLogProbabilities(3).withTopLogits(4);
    return List.of(
        new Ask("unpruned", () -> said(model, image, SHORT)),
        new Ask("pyramid", () -> said(model, image, PYRAMID)),
        new Ask("FastV", () -> said(model, image, fastV)),
        new Ask("sampled", () -> said(model, image, sampled)),
        new Ask("log-probabilities", () -> said(model, image, told)),
        new Ask("batch", () -> batch(model, image)),
        new Ask("conversation", () -> conversation(model, image)),
        new Ask("attention", () -> model.attention(question(image), List.of(1, 3))),
        new Ask("data URI", () -> uri(model, image)),
        new Ask("stopped at a token", () -> stopped(model, image)),
        new Ask(
            "stopped in the prefill",
            () ->
                failure(
                    CancellationException.class,
                    () -> model.ask(question(image), PYRAMID, new Stopping(1)))),
        new Ask("interrupted", () -> interrupted(model, image)),
        new Ask("cut image", () -> cut(image)),
        new Ask(
            "one image too few",
            () ->
                failure(
                    IllegalArgumentException.class,
                    () -> model.ask(Question.raw("<image> <image> what ?", image), SHORT))),
        new Ask(
            "too long",
            () ->
                failure(
                    IllegalArgumentException.class,
                    () -> model.ask(Question.of(SHAPE.repeat(2000), image), SHORT))));
  }

  private static Question question(Path image) {
    return Question.of(COUNT, image);
  }

  private static Object said(Llava model, Path image, Options options) {
    return Outcome.of(model.ask(question(image), options));
  }

  private static Object batch(Llava model, Path image) {
    List<Request> rows =
        List.of(
            new Request(question(image), PYRAMID),
            new Request(Question.of(SHAPE, image), SHORT.withMaxTokens(2)),
            new Request(Question.of(SHAPE), SHORT));
    return model.askAll(rows).stream().map(Outcome::of).toList();
  }

  private static Object conversation(Llava model, Path image) {
    try (Conversation conversation = model.converse(PYRAMID)) {
      Answer first = conversation.ask(question(image)).answer();
      return List.of(Outcome.of(first), Outcome.of(conversation.ask(Question.of(SHAPE)).answer()));
    }
  }

  private static Object stopped(Llava model, Path image) {
    return Outcome.of(model.ask(question(image), PYRAMID, new Stopping(Integer.MAX_VALUE)));
  }

  private static Object interrupted(Llava model, Path image) {
    Thread.currentThread().interrupt();
    try {
      return failure(CancellationException.class, () -> model.ask(question(image), PYRAMID));
    } finally {
      Thread.interrupted();
    }
  }

  private static Object cut(Path image) throws IOException {
    byte[] whole = Files.readAllBytes(image);
    byte[] half = Arrays.copyOf(whole, whole.length / 2);
    return failure(ImageException.class, () -> Image.read(half, "half", ImageLimits.defaults()));
  }

  private static Object uri(Llava model, Path image) throws IOException {
    ByteArrayOutputStream jpeg = new ByteArrayOutputStream();
    ImageIO.write(Image.read(image).toBufferedImage(), "jpeg", jpeg);
    String uri = "data:image/jpeg;base64," + Base64.getEncoder().encodeToString(jpeg.toByteArray());
    Image read = Image.ofDataUri(uri, ImageLimits.defaults());
    return Outcome.of(model.ask(Question.of(COUNT, List.of(read)), PYRAMID));
  }

  private static String failure(Class<? extends RuntimeException> kind, Runnable run) {
    try {
      run.run();
    } catch (RuntimeException e) {
      if (kind.isInstance(e)) {
        return String.valueOf(e.getMessage());
      }
      throw e;
    }
    throw new IllegalStateException("nothing was refused; expected a " + kind.getSimpleName());
  }
}
