package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.transformer.pruning.Cut;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * Runs one sequence at a time, of prompts of one shape: holds on the device where its inputs go,
 * its caches, and its prefill and decode step, recorded when they are first run.
 */
public final class SequenceRunner implements AutoCloseable {
  /**
   * The prompts that a runner is made for.
   *
   * @param tokens of the prompt as it enters the decoder
   * @param images where they lie in it
   * @param further tokens that decode steps will add
   * @param layouts of the images; needed where a plan cuts them before the decoder
   */
  public record Shape(
      int tokens,
      List<Prompt.Span> images,
      PruningPlan plan,
      int further,
      List<ImageLayout> layouts) {
    /** Refuses cuts of images that nothing is known of. */
    public Shape {
      if (layouts.size() != images.size() && !plan.cutsBeforeDecoder().isEmpty()) {
        throw new IllegalArgumentException(
            "a plan that cuts images before the decoder needs to know how they are laid out");
      }
    }

    /** Prompts whose images are cut in the decoder alone. */
    public Shape(int tokens, List<Prompt.Span> images, PruningPlan plan, int further) {
      this(tokens, images, plan, further, List.of());
    }

    /** Prompts like one. */
    public static Shape of(Prompt prompt, PruningPlan plan, int further) {
      return new Shape(prompt.length(), prompt.images(), plan, further, prompt.layouts());
    }
  }

  private final Shape shape;
  private final Kernels kernels;
  private final Resources owned = new Resources();
  private final Indices ids;
  private final List<Tensor> images = new ArrayList<>();
  private @Nullable List<ImageCuts> cuts;

  /** Rows of the prompt's text, if a cut before the decoder reads it. */
  private final @Nullable Indices textRows;

  private final DecodeState state;
  private final KeptRows kept;

  /** Rows that each stage's caches hold before the first decode step. */
  private final int[] lengths;

  private final Decoder decoder;
  private final Schedule schedule;

  /** What the run that is going on tells of its layers. */
  private IntConsumer behindLayer = done -> {};

  /** Recorded when it is first wanted. */
  private @Nullable Recording prefill;

  /** Takes the memory. */
  public SequenceRunner(Kernels kernels, Decoder decoder, Shape shape) {
    this(kernels, decoder, shape, List.of());
  }

  /**
   * Takes the memory, but for what decode steps need if others of the same room have that.
   *
   * @param others may lend it while they don't run
   */
  SequenceRunner(Kernels kernels, Decoder decoder, Shape shape, Collection<SequenceRunner> others) {
    this.kernels = kernels;
    this.decoder = decoder;
    this.shape = shape;
    Prompt prompt = new Prompt(new int[shape.tokens()], shape.images());
    schedule = shape.plan().schedule(decoder.layers());
    int[] room = decoder.room(prompt, schedule, shape.further());
    state =
        owned.add(
            others.stream()
                .map(other -> other.state)
                .filter(lent -> lent.isFreeFor(schedule, room))
                .findFirst()
                .map(DecodeState::shared)
                .orElseGet(() -> new DecodeState(kernels, decoder, schedule, room)));
    state.use(this);
    try {
      ids = owned.add(kernels.indices(new int[shape.tokens()]));
      boolean reads = shape.plan().cutsBeforeDecoder().stream().anyMatch(Cut::readsQuestion);
      textRows = reads ? owned.add(kernels.indices(prompt.textRows())) : null;
      kept = owned.add(new KeptRows(kernels, schedule, prompt));
      lengths = IntStream.range(0, schedule.stages()).map(kept::length).toArray();
    } catch (RuntimeException | Error e) {
      state.leave(this);
      owned.closeAfter(e);
      throw e;
    }
  }

  public Shape shape() {
    return shape;
  }

  /** Where the images' embeddings go before a prefill, as projector and vision tower give them. */
  public List<Tensor> imageEmbeddings() {
    if (images.isEmpty()) {
      List<ImageCuts> made = imageCuts();
      for (int i = 0; i < shape.images().size(); i++) {
        int count = made.isEmpty() ? shape.images().get(i).count() : made.get(i).embedded();
        images.add(owned.add(kernels.allocate(count, decoder.hiddenSize())));
      }
    }
    return List.copyOf(images);
  }

  /** The images' cuts before the decoder; none if there are none. */
  public List<ImageCuts> imageCuts() {
    if (cuts == null) {
      cuts = ImageCuts.of(kernels, shape.plan(), shape.layouts(), owned);
    }
    return cuts;
  }

  /**
   * Reads a prompt of this shape as {@link #prefill(Prompt, Sampler, Progress)}, with nobody to
   * hear of it.
   */
  public int prefill(Prompt prompt, Sampler sampler) {
    return prefill(prompt, sampler, Progress.ofPrefill(Progress.SILENT, decoder.layers()));
  }

  /**
   * Reads a prompt of this shape and returns the first token, or -1 if a logit is NaN.
   *
   * @param progress hears each layer, and may throw to give up
   */
  public int prefill(Prompt prompt, Sampler sampler, Progress progress) {
    kernels.upload(prompt.ids(), ids);
    setSampling(prompt, sampler);
    Recording made = prefill;
    Runnable work = prefillWork();
    if (made == null) {
      // A prompt of a length that was not met before waits for no recording.
      telling(progress, () -> prefill = owned.add(kernels.runAndRecord(work)));
    } else {
      telling(progress, made::run);
    }
    int token = sampledToken();
    progress.reach(decoder.layers());
    return token;
  }

  /** A recording of the way from ids and embeddings to the first token, the caller's to close. */
  public Recording recordPrefill() {
    return kernels.record(prefillWork());
  }

  private Runnable prefillWork() {
    List<Tensor> embeddings = imageEmbeddings();
    List<ImageCuts> made = imageCuts();
    return () -> runPrefill(embed(embeddings, made), 0);
  }

  /** The prompt, its images cut behind the projector. */
  private Tensor embed(List<Tensor> embeddings, List<ImageCuts> made) {
    if (made.isEmpty()) {
      return decoder.embedPrompt(ids, shape.images(), embeddings);
    }
    try (Resources passing = new Resources()) {
      Tensor text = null;
      if (textRows != null && textRows.size() > 0) {
        text = passing.add(kernels.allocate(textRows.size(), decoder.hiddenSize()));
        decoder.embed(passing.add(kernels.gather(ids, textRows)), text);
      }
      List<Tensor> entering = new ArrayList<>();
      for (int i = 0; i < made.size(); i++) {
        Tensor held = passing.add(made.get(i).projectHeld(embeddings.get(i)));
        entering.add(passing.add(made.get(i).projectRest(held, text)));
      }
      return decoder.embedPrompt(ids, shape.images(), entering);
    }
  }

  /**
   * Goes on with a prompt whose first layers are done, their keys and values in the cache.
   *
   * @param entering what enters layer {@code from}; it stays as it is
   * @param prompt the whole of it
   * @param progress hears each layer, and may throw to give up
   * @return the first token, or -1 if a logit is NaN
   */
  public int prefillFrom(
      int from, Tensor entering, Prompt prompt, Sampler sampler, Progress progress) {
    setSampling(prompt, sampler);
    Tensor hidden = kernels.allocate(entering.rows(), entering.columns());
    try {
      kernels.copy(entering, hidden);
    } catch (RuntimeException | Error e) {
      hidden.close();
      throw e;
    }
    telling(progress, () -> runPrefill(hidden, from));
    return sampledToken();
  }

  private void telling(Progress progress, Runnable work) {
    behindLayer = progress::reach;
    try {
      work.run();
    } finally {
      behindLayer = done -> {};
    }
  }

  /** Says how the first token is chosen. */
  private void setSampling(Prompt prompt, Sampler sampler) {
    state.setControls(sampler);
    if (sampler.penalises()) {
      state.setSeen(prompt.seen(decoder.vocabulary()));
    }
  }

  private void runPrefill(Tensor hidden, int from) {
    try (Sequence sequence = new Sequence(kernels, schedule, kept, hidden)) {
      decoder.prefill(
          sequence,
          from,
          schedule,
          state.cache(),
          done -> behindLayer.accept(done),
          state.logits());
      state.sample();
    }
  }

  /**
   * Runs the token that was chosen last and returns the one after it, or -1 if a logit is NaN.
   *
   * @param before how many tokens have been run since the prefill
   */
  public int decodeStep(int before, Sampler sampler) {
    prepareStep(before, sampler);
    return takeStep();
  }

  /** Takes a step that is prepared and returns the token, or -1 if a logit is NaN. */
  public int takeStep() {
    state.takeStep();
    return sampledToken();
  }

  /** A recording of the way from one token to the next, the caller's to close. */
  public Recording recordDecodeStep() {
    return kernels.record(state::nextToken);
  }

  /** Says where the token that was chosen last belongs, and how the one after it is chosen. */
  public void prepareStep(int before, Sampler sampler) {
    state.next().moveTo(lengths, before);
    if (sampler.draws()) {
      state.setControls(sampler);
    }
  }

  /** What a decode step needs to know of this sequence. */
  public Decoder.Step decodeInputs() {
    return state.inputs();
  }

  /** Chooses a token from the logits, on the device. */
  public void sample() {
    state.sample();
  }

  /** Waits for the token that was chosen last; -1 if a logit is NaN. */
  public int sampledToken() {
    return kernels.download(state.next().id())[0];
  }

  /** Keys and values of the prompt and the answer. */
  public KeyValueCache cache() {
    return state.cache();
  }

  /** The logits that the last token was chosen by. */
  public float[] logits() {
    return kernels.download(state.logits());
  }

  /**
   * Which image tokens each stage of the last prefill saw, as {@link KeptRows#imageTokens}: of
   * those that entered the decoder.
   */
  public List<List<List<Integer>>> imageTokens() {
    return kept.imageTokens();
  }

  /** Bytes of keys and values. */
  public long cacheBytes() {
    return state.cache().bytes();
  }

  /** Begins to use what it may share with others that don't run. */
  void resume() {
    state.use(this);
  }

  /** Whether {@link #resume} would succeed. */
  boolean canResume() {
    return state.isFree();
  }

  /** Lets others use what they share with it. */
  void pause() {
    state.leave(this);
  }

  @Override
  public void close() {
    pause();
    owned.close();
  }
}
