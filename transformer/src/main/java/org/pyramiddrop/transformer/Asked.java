package org.pyramiddrop.transformer;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.transformer.generation.Sampler;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.Schedule;

/** One question on its way to its answer: read by {@link #read}, then a token at a time. */
final class Asked implements AutoCloseable {
  private static final double NANOS_PER_MILLI = 1e6;

  private final Model model;
  private final Question question;
  private final Options options;
  private final Schedule schedule;
  private final Prompt prompt;
  private final Slot slot;
  private final Sampler sampler;
  private final Generation generation;
  private final TokenListener listener;
  private final AnswerEvent event = AnswerEvent.begun();
  private double visionMillis;
  private double prefillMillis;
  private List<Stage> stages = List.of();
  private List<TokenLogit> top = List.of();
  private boolean failed = true;

  /** Checks a question and takes a slot for it; work begins with {@link #read}. */
  Asked(Model model, Question question, Options options, TokenListener listener) {
    this.model = model;
    this.question = question;
    this.options = options;
    this.listener = listener;
    schedule = options.pruning().schedule(model.config().text().layers());
    prompt = prompt(model, question, options.systemPrompt());
    prompt.images().forEach(image -> schedule.counts(image.count()));
    int most = Math.min(model.room(prompt), options.maxTokens());
    generation = model.generation(most, options, listener);
    sampler = new Sampler(options.sampling());
    Slot.Shape shape =
        new Slot.Shape(prompt.length(), prompt.images(), options.pruning(), most - 1);
    slot = model.turns().take(() -> model.slots().take(shape));
  }

  /**
   * A question's prompt, chat template included.
   *
   * @param systemPrompt goes before the question; empty for none
   * @throws IllegalArgumentException if there is one and the question is raw
   */
  static Prompt prompt(Model model, Question question, String systemPrompt) {
    if (question.raw() && !systemPrompt.isEmpty()) {
      throw new IllegalArgumentException(
          "a raw question is the whole prompt; write the system prompt into it");
    }
    ChatTurn user = new ChatTurn(Role.USER, question.pictures().size(), question.prompt());
    String text = question.raw() ? question.prompt() : model.rendered(systemPrompt, List.of(user));
    return model.prompt(text, question.pictures());
  }

  /** Encodes the pictures, reads the prompt and takes the first token; says whether one follows. */
  boolean read() {
    DeviceTurns.refuseIfInterrupted();
    long start = System.nanoTime();
    model.encode(question.pictures(), listener, model.turns().take(slot::images));
    visionMillis = millisSince(start);
    long seen = System.nanoTime();
    Progress progress =
        new Progress(listener, TokenListener.Phase.PREFILL, model.decoder().layers());
    Generation.Chosen token =
        model
            .turns()
            .take(() -> {
              int first = slot.prefill(prompt, sampler, progress);
              stages = slot.stages();
              top = highest(slot.logits(), options.topLogits());
              return chosen(first);
            });
    DeviceTurns.refuseIfInterrupted();
    prefillMillis = millisSince(seen);
    return generation.take(token);
  }

  /** Runs the token that came last and takes the one after it; says whether one follows. */
  boolean step() {
    int before = generation.before();
    return generation.take(model.turns().take(() -> chosen(slot.step(before, sampler))));
  }

  /** Gets ready for a step that others take too. */
  Slot prepared() {
    slot.prepare(generation.before(), sampler);
    return slot;
  }

  /** What a step came to, within the turn it was taken in. */
  Generation.Chosen chosen(int token) {
    return generation.chosen(token, slot);
  }

  /** Takes the token of a step that others took too. */
  boolean take(Generation.Chosen token) {
    return generation.take(token);
  }

  /** The answer, once no token follows. */
  Answer answer(double decodeMillis) {
    Answer answer =
        new Answer(
            generation.text(),
            generation.ids(),
            generation.finish(),
            prompt.length(),
            prompt.imageTokens(),
            stages,
            top,
            new FlopCounter(ModelShape.of(model.config()), schedule).count(prompt.shape()),
            new Timings(visionMillis, prefillMillis, decodeMillis),
            slot.cacheBytes(),
            generation.probabilities());
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

  /** Gives the slot back for questions of its shape, or frees it where nobody knows its state. */
  @Override
  public void close() {
    model
        .turns()
        .giveBack(() -> {
          if (failed) {
            slot.close();
          } else {
            model.slots().giveBack(slot);
          }
        });
  }
}
