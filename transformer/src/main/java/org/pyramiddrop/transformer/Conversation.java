package org.pyramiddrop.transformer;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ChatTemplateException;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.transformer.engine.DeviceTurns;
import org.pyramiddrop.transformer.engine.Engine;
import org.pyramiddrop.transformer.engine.ImageCuts;
import org.pyramiddrop.transformer.engine.KeyValueCache;
import org.pyramiddrop.transformer.engine.Progress;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.Sampler;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.pruning.Cut;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * Questions and answers about the same images, each question with all that was said before it.
 *
 * <p>The layers before the first drop have seen every token, so what they made of a prompt holds
 * for each prompt that begins the same: their keys and values, and the hidden states that enter the
 * first layer which ranks, are used again. Which image tokens stay depends on the question, so all
 * layers from there on are run anew for each. Of cuts before the decoder, those that don't read the
 * question are made once ({@link PruningPlan#cutsHeldBetweenQuestions}); where one does, images are
 * cut anew for each question and every layer is run anew. Every answer is the one a fresh run of
 * the whole conversation gives, up to rounding.
 *
 * <p>Between questions it holds the caches of the last answer, and while it answers those of both.
 * One thread at a time may ask.
 */
public final class Conversation implements AutoCloseable {
  private final Model model;
  private Settings settings;

  private List<ChatTurn> said = List.of();
  private List<Image> images = List.of();
  private @Nullable SharedLayers kept;

  /** These two are looked at and changed in the device's turns only. */
  private boolean asking;

  private boolean closed;

  /**
   * How questions are answered from now on.
   *
   * @param shared layers that no drop's choice reaches
   */
  private record Settings(Options options, Schedule schedule, int shared) {
    static Settings of(Model model, Options options) {
      Schedule schedule = options.pruning().schedule(model.config().text().layers());
      return new Settings(
          options, schedule, model.engine().decoder().layersBeforeRanking(schedule));
    }
  }

  /**
   * The images of a prompt and their cuts before the decoder.
   *
   * @param plan those cuts
   * @param cuts of each image; none if there are none
   * @param held of each image what the cuts leave that hold for every question, where others are
   *     made anew
   * @param entering of the images that are new in a prompt what enters the decoder, where nothing
   *     is made anew; good for that prompt alone
   */
  private record ShownImages(
      List<Cut> plan, int count, List<ImageCuts> cuts, List<Tensor> held, List<Tensor> entering) {
    ShownImages(List<Cut> plan, int count, List<ImageCuts> cuts, List<Tensor> held) {
      this(plan, count, cuts, held, new ArrayList<>());
    }

    /** Whether a plan cuts images in the same way. */
    boolean cutAs(PruningPlan other) {
      return plan.equals(other.cutsBeforeDecoder());
    }

    /** Whether each question cuts them anew. */
    boolean remade() {
      return plan.stream().anyMatch(Cut::readsQuestion);
    }
  }

  /**
   * What the first layers made of a prompt.
   *
   * @param layers how many
   */
  private record SharedLayers(
      Prompt prompt, ShownImages images, int layers, SequenceRunner runner, Tensor entering) {
    /** Frees what the prompt after it doesn't go on with. */
    void closeBut(@Nullable SharedLayers next) {
      Resources all = new Resources();
      all.add(runner);
      all.add(entering);
      images.cuts().stream()
          .filter(cuts -> next == null || !next.images().cuts().contains(cuts))
          .forEach(all::add);
      images.held().stream()
          .filter(held -> next == null || !next.images().held().contains(held))
          .forEach(all::add);
      all.close();
    }
  }

  Conversation(Model model, Options options) {
    this.model = model;
    settings = Settings.of(model, options);
  }

  /**
   * Answers further questions under other options; all that was said stays. What the first layers
   * kept of the last prompt is used again where the new plan has as many layers before its first
   * ranking and the new system prompt is the same; otherwise the next question is read from its
   * beginning.
   *
   * @throws IllegalArgumentException if the plan does not fit the model
   * @throws IllegalStateException if the conversation is closed, or a question is being answered
   */
  public void setOptions(Options options) {
    Settings next = Settings.of(model, options);
    model
        .turns()
        .release(() -> {
          refuseIfUsed();
          settings = next;
        });
  }

  /** Asks the next question. */
  public Reply ask(Question question) {
    return ask(question, (id, text) -> true);
  }

  /**
   * Asks the next question and tells each token of the answer as it comes. A question that fails is
   * as if it had not been asked.
   *
   * @param question the user's words and images that are new in it
   * @param listener called on this thread; it may end the answer, which counts as said
   * @throws IllegalArgumentException if the question is raw, there are other than as many places as
   *     images, or no room for an answer
   * @throws ChatTemplateException if the chat template has no place for what is asked, a system
   *     prompt for instance
   * @throws CheckpointException if weights that are read in place have changed since loading
   * @throws CancellationException if the thread is interrupted, or the listener stops it, before
   *     the first token
   * @throws NanLogitsException if the model's output is not a number
   * @throws IllegalStateException if the model or the conversation is closed, or a question is
   *     being answered
   */
  public Reply ask(Question question, TokenListener listener) {
    if (!question.earlier().isEmpty()) {
      throw new IllegalArgumentException(
          "a conversation knows its earlier turns; ask it only what is new");
    }
    if (question.raw()) {
      throw new IllegalArgumentException(
          "a conversation is written by the chat template; ask a raw question by itself");
    }
    return model.answering(() -> {
      begin();
      try {
        List<ChatTurn> turns = new ArrayList<>(said);
        turns.add(new ChatTurn(Role.USER, question.images().size(), question.prompt()));
        List<Image> shown = new ArrayList<>(images);
        shown.addAll(question.images());
        Answered answered = answer(turns, shown, listener);
        retain(answered.kept());
        turns.add(new ChatTurn(Role.ASSISTANT, 0, answered.reply().answer().text()));
        said = List.copyOf(turns);
        images = List.copyOf(shown);
        return answered.reply();
      } finally {
        end();
      }
    });
  }

  private void begin() {
    model
        .turns()
        .release(() -> {
          refuseIfUsed();
          asking = true;
        });
  }

  private void refuseIfUsed() {
    if (closed) {
      throw new IllegalStateException("the conversation is closed");
    }
    if (asking) {
      throw new IllegalStateException("the conversation is answering another question");
    }
  }

  /** Ends a question; what it kept goes if the conversation was closed meanwhile. */
  private void end() {
    model
        .turns()
        .release(() -> {
          asking = false;
          if (closed) {
            retain(null);
          }
        });
  }

  /** An answer, and what to keep of it. */
  private record Answered(Reply reply, SharedLayers kept) {}

  private Answered answer(List<ChatTurn> turns, List<Image> shown, TokenListener listener) {
    AnswerEvent event = AnswerEvent.begun();
    Options options = settings.options();
    Schedule schedule = settings.schedule();
    final int shared = settings.shared();
    Prompt prompt =
        model.prompt(model.rendered(options.systemPrompt(), turns), shown, options.pruning());
    prompt.images().forEach(image -> schedule.counts(image.count()));
    int most = Math.min(model.room(prompt), options.maxTokens());
    Generation generation = model.generation(most, options, listener);
    Sampler sampler = new Sampler(options.sampling());
    PruningPlan plan = options.pruning();
    int reused = shared == 0 || readsQuestion(plan) ? 0 : reusable(prompt, shared, plan);
    Resources fresh = new Resources();
    Resources passing = new Resources();
    try {
      DeviceTurns.refuseIfInterrupted();
      long start = System.nanoTime();
      int encoded = encoded(plan, reused);
      ShownImages images = model.turns().run(() -> shown(prompt, plan, encoded, fresh));
      encode(images, shown, encoded, listener, fresh, passing);
      final double visionMillis = ActiveRequest.millisSince(start);
      start = System.nanoTime();
      SequenceRunner runner =
          model
              .turns()
              .run(() ->
                  fresh.add(
                      model
                          .engine()
                          .runners()
                          .create(SequenceRunner.Shape.of(prompt, plan, most - 1))));
      Progress progress = model.prefillProgress(listener);
      Part part = model.turns().run(() -> part(images, prompt, reused, shared, passing));
      Tensor entering = model.turns().run(() -> runSharedLayers(part, runner, progress, fresh));
      DeviceTurns.refuseIfInterrupted();
      Generation.SampledToken token =
          model
              .turns()
              .run(() -> {
                int first = runner.prefillFrom(shared, entering, prompt, sampler, progress);
                return generation.sampled(first, runner);
              });
      DeviceTurns.refuseIfInterrupted();
      final List<List<ImageCuts.Made>> made =
          model.turns().run(() -> images.cuts().stream().map(ImageCuts::made).toList());
      final List<Stage> stages =
          Stage.of(schedule, ImageCuts.original(made, model.turns().run(runner::imageTokens)));
      final List<TokenLogit> top =
          model.turns().run(() -> ActiveRequest.highest(runner.logits(), options.topLogits()));
      final double prefillMillis = ActiveRequest.millisSince(start);
      start = System.nanoTime();
      while (generation.accept(token)) {
        int before = generation.tokensRun();
        token =
            model.turns().run(() -> generation.sampled(runner.decodeStep(before, sampler), runner));
      }
      FlopCounter counter = new FlopCounter(ModelShape.of(model.config()), schedule);
      Answer answer =
          generation.answer(
              prompt,
              runner,
              CutTokens.of(plan, made),
              stages,
              top,
              counter.count(prompt.shape(), prompt.imageShapes(), plan),
              new Timings(visionMillis, prefillMillis, ActiveRequest.millisSince(start)));
      event.answered(answer, model.backend());
      List<ImageShape> shapes = prompt.imageShapes();
      double flops =
          counter.vision(shapes.subList(encoded, shapes.size()), plan)
              + counter.remade(shapes.subList(0, encoded), plan)
              + counter.followUp(prompt.shape(), reused, shared);
      Reply reply = new Reply(answer, reused, reused == 0 ? 0 : shared, flops);
      return new Answered(reply, new SharedLayers(prompt, images, shared, runner, entering));
    } catch (RuntimeException | Error e) {
      model.turns().release(() -> fresh.closeAfter(e));
      throw e;
    } finally {
      model.turns().release(passing::close);
    }
  }

  private static boolean readsQuestion(PruningPlan plan) {
    return plan.cutsBeforeDecoder().stream().anyMatch(Cut::readsQuestion);
  }

  /** How many images need not be encoded: what is left of them is there, or not asked for. */
  private int encoded(PruningPlan plan, int reused) {
    if (kept == null || !kept.images().cutAs(plan)) {
      return 0;
    }
    return readsQuestion(plan) || reused > 0 ? kept.images().count() : 0;
  }

  /** The images of a prompt, the first of which are those of the last one. */
  private ShownImages shown(Prompt prompt, PruningPlan plan, int encoded, Resources fresh) {
    List<ImageCuts> cuts = new ArrayList<>();
    List<Tensor> held = new ArrayList<>();
    if (kept != null && encoded > 0) {
      cuts.addAll(kept.images().cuts());
      held.addAll(kept.images().held());
    }
    int count = prompt.images().size();
    if (!plan.cutsBeforeDecoder().isEmpty()) {
      Kernels kernels = model.engine().kernels();
      for (int i = encoded; i < count; i++) {
        cuts.add(fresh.add(new ImageCuts(kernels, plan, prompt.layouts().get(i), i)));
      }
    }
    return new ShownImages(plan.cutsBeforeDecoder(), count, cuts, held);
  }

  /** Encodes the images that are new, and makes the cuts of them that hold for every question. */
  private void encode(
      ShownImages images,
      List<Image> shown,
      int encoded,
      TokenListener listener,
      Resources fresh,
      Resources passing) {
    List<Image> unseen = shown.subList(encoded, shown.size());
    Engine engine = model.engine();
    List<Tensor> embedded =
        model
            .turns()
            .run(() -> {
              List<Tensor> all = new ArrayList<>();
              for (int i = encoded; i < images.count(); i++) {
                int tokens =
                    images.cuts().isEmpty()
                        ? model.imageProcessor().layout(shown.get(i)).tokens()
                        : images.cuts().get(i).embedded();
                all.add(
                    passing.add(engine.kernels().allocate(tokens, engine.decoder().hiddenSize())));
              }
              return all;
            });
    List<ImageCuts> cuts =
        images.cuts().isEmpty() ? List.of() : images.cuts().subList(encoded, images.count());
    model.encode(unseen, listener, cuts, embedded);
    model
        .turns()
        .run(() -> {
          boolean again = images.remade();
          for (int i = 0; i < embedded.size(); i++) {
            // What the next question cuts otherwise outlives this one.
            Tensor own =
                cuts.isEmpty()
                    ? embedded.get(i)
                    : (again ? fresh : passing).add(cuts.get(i).projectHeld(embedded.get(i)));
            (again ? images.held() : images.entering()).add(own);
          }
          return images;
        });
  }

  /** The end of a prompt, its images cut as this question wants them. */
  private Part part(ShownImages images, Prompt prompt, int reused, int shared, Resources passing) {
    int count = images.count();
    List<Tensor> held = images.remade() ? images.held() : images.entering();
    int first = count - held.size();
    List<Prompt.Span> spans = prompt.images().subList(first, count);
    if (images.cuts().isEmpty()) {
      return new Part(prompt, reused, shared, spans, held);
    }
    @Nullable Tensor text = images.remade() ? text(prompt, passing) : null;
    List<Tensor> entering = new ArrayList<>();
    for (int i = first; i < count; i++) {
      entering.add(passing.add(images.cuts().get(i).projectRest(held.get(i - first), text)));
    }
    return new Part(prompt, reused, shared, spans, entering);
  }

  /** A prompt's embedded words; null if it has none. */
  private @Nullable Tensor text(Prompt prompt, Resources passing) {
    int[] rows = prompt.textRows();
    if (rows.length == 0) {
      return null;
    }
    Engine engine = model.engine();
    int[] ids = prompt.ids();
    Tensor text =
        passing.add(engine.kernels().allocate(rows.length, engine.decoder().hiddenSize()));
    int[] words = IntStream.of(rows).map(row -> ids[row]).toArray();
    engine.decoder().embed(passing.add(engine.kernels().indices(words)), text);
    return text;
  }

  /**
   * How many tokens a prompt has in common with the last one; at least one is left to run. None, if
   * other than so many layers have seen the last one, or its images were cut otherwise before the
   * decoder.
   */
  private int reusable(Prompt prompt, int layers, PruningPlan plan) {
    if (kept == null || kept.layers() != layers || !kept.images().cutAs(plan)) {
      return 0;
    }
    int[] before = kept.prompt().ids();
    int[] now = prompt.ids();
    int most = Math.min(before.length, now.length - 1);
    int same = IntStream.range(0, most).filter(i -> before[i] != now[i]).findFirst().orElse(most);
    // An image is reused whole or not at all.
    for (Prompt.Span image : kept.prompt().images()) {
      if (image.start() + image.count() > same) {
        return 0;
      }
    }
    return same;
  }

  /**
   * The end of a prompt, whose beginning some layers have seen.
   *
   * @param reused tokens of the beginning
   * @param shared those layers
   * @param images the images in the end
   */
  private record Part(
      Prompt prompt, int reused, int shared, List<Prompt.Span> images, List<Tensor> embeddings) {}

  /**
   * Runs the tokens that are new through the layers before the first ranking, and returns what all
   * tokens, old and new, enter it with.
   */
  private Tensor runSharedLayers(
      Part part, SequenceRunner runner, Progress progress, Resources fresh) {
    Kernels kernels = model.engine().kernels();
    int length = part.prompt().length();
    int reused = part.reused();
    int[] ids = part.prompt().ids();
    Tensor entering = fresh.add(kernels.allocate(length, model.engine().decoder().hiddenSize()));
    List<Prompt.Span> shifted =
        part.images().stream()
            .map(image -> new Prompt.Span(image.start() - reused, image.count()))
            .toList();
    try (Indices newIds =
            kernels.indices(IntStream.range(reused, length).map(i -> ids[i]).toArray());
        Indices rows = kernels.indices(IntStream.range(reused, length).toArray());
        Tensor x = model.engine().decoder().embedPrompt(newIds, shifted, part.embeddings())) {
      if (kept != null && reused > 0) {
        kernels.copy(kept.entering().rows(0, reused), entering.rows(0, reused));
        for (int layer = 0; layer < part.shared(); layer++) {
          KeyValueCache.Layer from = kept.runner().cache().layer(layer);
          KeyValueCache.Layer to = runner.cache().layer(layer);
          kernels.copy(from.keys().rows(0, reused), to.keys().rows(0, reused));
          kernels.copy(from.values().rows(0, reused), to.values().rows(0, reused));
        }
      }
      model
          .engine()
          .decoder()
          .prefillFirstLayers(x, rows, length, part.shared(), runner.cache(), progress::reach);
      kernels.copy(x, entering.rows(reused, length - reused));
    }
    return entering;
  }

  private void retain(@Nullable SharedLayers now) {
    model
        .turns()
        .release(() -> {
          SharedLayers before = kept;
          kept = now;
          if (before != null) {
            before.closeBut(now);
          }
        });
  }

  /**
   * Frees what it keeps, once a question that is being answered is; a second call does nothing. A
   * model closes its conversations.
   */
  @Override
  public void close() {
    model
        .turns()
        .release(() -> {
          closed = true;
          model.ended(this);
          if (!asking) {
            retain(null);
          }
        });
  }
}
