package org.pyramiddrop.transformer;

import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.engine.DeviceTurns;
import org.pyramiddrop.transformer.engine.ImageCuts;
import org.pyramiddrop.transformer.engine.Progress;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Sampler;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/** A question on its way to its answer: {@link #prefill}, then one {@link #decodeStep} a token. */
final class ActiveRequest implements AutoCloseable {
  private static final double NANOS_PER_MILLI = 1e6;

  private final Model model;
  private final Question question;
  private final Options options;
  private final Schedule schedule;
  private final Prompt prompt;
  private final int most;
  private final Sampler sampler;
  private final Generation generation;
  private final TokenListener listener;
  private final AnswerEvent event = AnswerEvent.begun();
  private double visionMillis;
  private double prefillMillis;
  private List<CutTokens> cuts = List.of();
  private List<Stage> stages = List.of();
  private List<TokenLogit> top = List.of();

  /** From {@link #acquire} on. */
  private @Nullable SequenceRunner runner;

  private boolean failed = true;

  /** Checks a question; {@link #acquire} takes memory for it. */
  ActiveRequest(Model model, Question question, Options options, TokenListener listener) {
    this.model = model;
    this.question = question;
    this.options = options;
    this.listener = listener;
    schedule = options.pruning().schedule(model.config().text().layers());
    prompt = prompt(model, question, options.systemPrompt(), options.pruning());
    prompt.images().forEach(image -> schedule.counts(image.count()));
    most = Math.min(model.room(prompt), options.maxTokens());
    generation = model.generation(most, options, listener);
    sampler = new Sampler(options.sampling());
  }

  /** Bytes of keys and values that it needs. */
  long keyValueBytes() {
    return model.engine().decoder().cacheBytes(prompt, schedule, most - 1);
  }

  /** Acquires a runner; work begins with {@link #prefill}. */
  void acquire() {
    SequenceRunner.Shape shape = SequenceRunner.Shape.of(prompt, options.pruning(), most - 1);
    runner = model.turns().run(() -> model.engine().runners().acquire(shape));
  }

  private SequenceRunner runner() {
    return Objects.requireNonNull(runner, "no runner was acquired");
  }

  /**
   * A question's prompt, chat template included.
   *
   * @param systemPrompt goes before the question; empty for none
   * @param plan whose cuts before the decoder the images are counted after
   * @throws IllegalArgumentException if there is one and the question is raw
   */
  static Prompt prompt(Model model, Question question, String systemPrompt, PruningPlan plan) {
    if (question.raw() && !systemPrompt.isEmpty()) {
      throw new IllegalArgumentException(
          "a raw question is the whole prompt; write the system prompt into it");
    }
    String text =
        question.raw() ? question.prompt() : model.rendered(systemPrompt, question.turns());
    return model.prompt(text, question.images(), plan);
  }

  /** Encodes the images, reads the prompt and takes the first token; says whether one follows. */
  boolean prefill() {
    DeviceTurns.refuseIfInterrupted();
    SequenceRunner runner = runner();
    long start = System.nanoTime();
    List<Tensor> embeddings = model.turns().run(runner::imageEmbeddings);
    model.encode(question.images(), listener, runner.imageCuts(), embeddings);
    visionMillis = millisSince(start);
    long seen = System.nanoTime();
    Progress progress = model.prefillProgress(listener);
    Generation.SampledToken token =
        model
            .turns()
            .run(() -> {
              int first = runner.prefill(prompt, sampler, progress);
              List<List<ImageCuts.Made>> made =
                  runner.imageCuts().stream().map(ImageCuts::made).toList();
              cuts = CutTokens.of(options.pruning(), made);
              stages = Stage.of(schedule, ImageCuts.original(made, runner.imageTokens()));
              top = highest(runner.logits(), options.topLogits());
              return sampled(first);
            });
    DeviceTurns.refuseIfInterrupted();
    prefillMillis = millisSince(seen);
    return generation.accept(token);
  }

  /** Runs the token that came last and takes the one after it; says whether one follows. */
  boolean decodeStep() {
    int before = generation.tokensRun();
    return generation.accept(
        model.turns().run(() -> sampled(runner().decodeStep(before, sampler))));
  }

  /** Gets ready for a step that runs together with others'. */
  SequenceRunner prepareStep() {
    runner().prepareStep(generation.tokensRun(), sampler);
    return runner();
  }

  /** The token that a step sampled, within the turn it ran in. */
  Generation.SampledToken sampled(int token) {
    return generation.sampled(token, runner());
  }

  /** Accepts the token of a step that ran together with others'; says whether one follows. */
  boolean accept(Generation.SampledToken token) {
    return generation.accept(token);
  }

  /** The answer, once no token follows. */
  Answer answer(double decodeMillis) {
    Answer answer =
        generation.answer(
            prompt,
            runner(),
            cuts,
            stages,
            top,
            new FlopCounter(ModelShape.of(model.config()), schedule)
                .count(prompt.shape(), prompt.imageShapes(), options.pruning()),
            new Timings(visionMillis, prefillMillis, decodeMillis));
    failed = false;
    event.answered(answer, model.backend());
    return answer;
  }

  /** The highest logits, descending. */
  static List<TokenLogit> highest(float[] logits, int count) {
    return count == 0
        ? List.of()
        : IntStream.range(0, logits.length)
            .mapToObj(id -> new TokenLogit(id, logits[id]))
            .sorted(Comparator.comparingDouble((TokenLogit t) -> -t.value()))
            .limit(count)
            .toList();
  }

  static double millisSince(long start) {
    return (System.nanoTime() - start) / NANOS_PER_MILLI;
  }

  /** Releases the runner for questions of its shape, or frees it where nobody knows its state. */
  @Override
  public void close() {
    SequenceRunner acquired = runner;
    runner = null;
    if (acquired == null) {
      return;
    }
    model
        .turns()
        .release(() -> {
          if (failed) {
            acquired.close();
          } else {
            model.engine().runners().release(acquired);
          }
        });
  }
}
