package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.DeviceStatus;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Picture;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.loader.StopTokens;
import org.pyramiddrop.loader.Tokenizer;
import org.pyramiddrop.transformer.generation.Sampler;
import org.pyramiddrop.transformer.generation.TextStream;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * A LLaVA model that answers questions about pictures.
 *
 * {@snippet :
 * try (Llava model = Llava.load(Path.of("llava-1.5-7b-hf"))) {
 *   Answer answer = model.ask(Question.of("What is on the table?", Path.of("kitchen.jpg")));
 *   System.out.println(answer.text());
 * }
 * }
 *
 * <p>Any number of threads may ask at once. They take turns on the device: a picture's encoding, a
 * prompt's prefill and each decode step run one at a time, in the order they were asked for, so a
 * long answer does not hold up others. A waiting or decoding thread that is interrupted ends its
 * answer as {@link Finish#CANCELLED}, and its prefill with a {@link CancellationException}; its
 * interrupt status stays set. {@link #close} lets no new question in, ends running ones at their
 * next step, and frees everything when the last is gone.
 */
public final class Llava implements AutoCloseable {
  private static final String IMAGE = "<image>";
  private static final double NANOS_PER_MILLI = 1e6;

  private final LlavaConfig config;
  private final Kernels kernels;
  private final ImageEncoder imageEncoder;
  private final Decoder decoder;
  private final Slots slots;
  private final ImageProcessor imageProcessor;
  private final Tokenizer tokenizer;
  private final ChatTemplate chatTemplate;
  private final Set<Integer> stopTokens;
  private final Resources resources;
  private final String backend;
  private final String dtype;
  private final double loadMillis;

  /** Guards the device, which one thread at a time may use, and what follows. */
  private final ReentrantLock device = new ReentrantLock(true);

  private final Condition lastLeft = device.newCondition();

  /** One entry a running question. */
  private final List<Thread> asking = new ArrayList<>();

  private boolean closing;

  private Llava(Path folder, LoadOptions options, Resources resources) {
    long start = System.nanoTime();
    this.resources = resources;
    config = LlavaConfig.read(folder);
    if (!config.modelType().equals("llava")) {
      throw new CheckpointException(
          folder.resolve("config.json"),
          "model_type '" + config.modelType() + "' isn't supported; LLaVA-1.5 ('llava') is");
    }
    if (config.text().mlpBias()) {
      throw new CheckpointException(
          folder.resolve("config.json"), "text_config.mlp_bias isn't supported");
    }
    imageProcessor = ImageProcessor.read(folder, config.vision());
    chatTemplate = ChatTemplate.read(folder);
    stopTokens = StopTokens.read(folder, config);
    backend = choose(options.backend());
    Checkpoint checkpoint = resources.add(Checkpoint.open(folder));
    tokenizer = resources.add(Tokenizer.open(folder));
    DType activations = WeightStore.activations(checkpoint, options.dtype());
    kernels = resources.add(Devices.open(backend, options.threads(), activations));
    // A GPU converts what it is handed; the CPU computes with weights as it gets them.
    WeightType handed = backend.equals("cpu") ? options.dtype() : WeightType.AUTO;
    WeightStore weights = resources.add(new WeightStore(checkpoint, kernels, handed));
    imageEncoder = resources.add(new ImageEncoder(kernels, config, weights));
    decoder = resources.add(new Decoder(kernels, config, weights));
    slots = resources.add(new Slots(kernels, decoder, Llava::refuseIfInterrupted));
    dtype = decoder.dtype().label();
    loadMillis = millisSince(start);
  }

  /**
   * Loads a Hugging Face folder with {@link LoadOptions#defaults}.
   *
   * @throws CheckpointException if the folder is not a LLaVA checkpoint this library can run
   */
  public static Llava load(Path folder) {
    return load(folder, LoadOptions.defaults());
  }

  /**
   * Loads a Hugging Face folder. Weights are memory-mapped: the CPU reads them in place.
   *
   * @throws CheckpointException if the folder is not a LLaVA checkpoint this library can run
   * @throws DeviceException if the backend can't be had
   */
  public static Llava load(Path folder, LoadOptions options) {
    Resources resources = new Resources();
    try {
      return new Llava(folder, options, resources);
    } catch (RuntimeException | Error e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  private static String choose(Backend backend) {
    return switch (backend) {
      case CPU -> "cpu";
      case CUDA -> "cuda";
      case AUTO ->
          Devices.all().stream()
              .filter(d -> d.available() && d.name().equals("cuda"))
              .map(DeviceStatus::name)
              .findFirst()
              .orElse("cpu");
    };
  }

  /** Answers with {@link Options#defaults}: pruned as the paper has it, greedy. */
  public Answer ask(Question question) {
    return ask(question, Options.defaults());
  }

  /** Answers a question. */
  public Answer ask(Question question, Options options) {
    return ask(question, options, (id, text) -> true);
  }

  /**
   * Answers a question and tells each token as it comes.
   *
   * @param listener called on this thread; it may end the answer
   * @throws IllegalArgumentException if the prompt has other than one place a picture or no room
   *     for an answer, or if the plan does not fit the model
   * @throws CancellationException if the thread is interrupted before the first token
   * @throws IllegalStateException if the model is closed
   */
  public Answer ask(Question question, Options options, TokenListener listener) {
    Schedule schedule = options.pruning().schedule(config.text().layers());
    enter();
    try {
      Prompt prompt = prompt(question);
      int room = config.text().maxPositions() - prompt.length();
      prompt.images().forEach(image -> schedule.counts(image.count()));
      return answer(
          question, prompt, schedule, options, Math.min(room, options.maxTokens()), listener);
    } finally {
      leave();
    }
  }

  /**
   * Says how much attention the prompt's last token pays each image token: what image tokens are
   * ranked by, layer by layer, when none has been dropped.
   *
   * @param layers decoder layers, from 0
   * @return a map for each of these layers, shallow ones first
   * @throws IllegalArgumentException if there is no such layer, or the question can't be asked
   * @throws CancellationException if the thread is interrupted
   * @throws IllegalStateException if the model is closed
   */
  public List<AttentionMap> attention(Question question, List<Integer> layers) {
    for (int layer : layers) {
      if (layer < 0 || layer >= decoder.layers()) {
        throw new IllegalArgumentException(
            "there is no layer %d; the decoder has 0 to %d".formatted(layer, decoder.layers() - 1));
      }
    }
    enter();
    Resources images = new Resources();
    try {
      Prompt prompt = prompt(question);
      List<Tensor> embeddings = new ArrayList<>();
      for (Prompt.Span image : prompt.images()) {
        embeddings.add(
            onDevice(() -> images.add(kernels.allocate(image.count(), decoder.hiddenSize()))));
      }
      encode(question.pictures(), embeddings);
      AttentionMaps maps = new AttentionMaps(kernels, decoder, prompt, layers);
      return onDevice(() -> maps.run(embeddings, Llava::refuseIfInterrupted));
    } finally {
      leave(images);
    }
  }

  private Prompt prompt(Question question) {
    Prompt prompt = expanded(question);
    if (prompt.length() >= config.text().maxPositions()) {
      throw new IllegalArgumentException(
          "the prompt has %d tokens, %d of them of images, and the model's context holds %d; shorten it"
              .formatted(prompt.length(), prompt.imageTokens(), config.text().maxPositions()));
    }
    return prompt;
  }

  private Prompt expanded(Question question) {
    String text = question.prompt();
    if (!question.raw()) {
      if (text.contains(IMAGE)) {
        throw new IllegalArgumentException(
            "the prompt contains "
                + IMAGE
                + "; the chat template places pictures, or use a raw prompt");
      }
      text =
          chatTemplate.render(
              List.of(new ChatTurn(Role.USER, question.pictures().size(), text)), true);
    }
    int[] ids = tokenizer.encode(text, true);
    for (int id : ids) {
      if (id < 0 || id >= config.text().vocabSize()) {
        throw new IllegalArgumentException(
            "the prompt has token %d, but the model knows %d; its tokenizer belongs to another"
                .formatted(id, config.text().vocabSize()));
      }
    }
    return Prompt.of(ids, config.imageTokenId(), question.pictures().size(), imageEncoder.tokens());
  }

  private Answer answer(
      Question question,
      Prompt prompt,
      Schedule schedule,
      Options options,
      int most,
      TokenListener listener) {
    Slot.Shape shape =
        new Slot.Shape(prompt.length(), prompt.images(), options.pruning(), most - 1);
    Slot slot = onDevice(() -> slots.take(shape));
    Answer answer;
    try {
      refuseIfInterrupted();
      long start = System.nanoTime();
      encode(question.pictures(), slot.images());
      final double visionMillis = millisSince(start);
      start = System.nanoTime();
      Sampler sampler = new Sampler(options.sampling());
      Prefilled prefilled = onDevice(() -> prefill(slot, prompt, sampler, options.topLogits()));
      refuseIfInterrupted();
      final double prefillMillis = millisSince(start);
      start = System.nanoTime();
      TextStream text = new TextStream(ids -> tokenizer.decode(ids, true));
      List<Integer> ids = new ArrayList<>();
      Finish finish = decode(slot, prefilled.token, sampler, most, listener, text, ids);
      answer =
          new Answer(
              text.text(),
              ids,
              finish,
              prompt.length(),
              prompt.imageTokens(),
              prefilled.stages,
              prefilled.highest,
              new FlopCounter(ModelShape.of(config), schedule).count(prompt.shape()),
              new Timings(visionMillis, prefillMillis, millisSince(start)),
              slot.cacheBytes());
    } catch (RuntimeException | Error e) {
      discard(slot, e);
      throw e;
    }
    giveBack(slot);
    return answer;
  }

  private void encode(List<Picture> pictures, List<Tensor> embeddings) {
    for (int i = 0; i < pictures.size(); i++) {
      Tensor to = embeddings.get(i);
      Pixels pixels = imageProcessor.process(pictures.get(i));
      refuseIfInterrupted();
      onDevice(() -> {
        imageEncoder.encode(pixels, to);
        return to;
      });
    }
  }

  /** What a prefill leaves on the host. */
  private record Prefilled(int token, List<Stage> stages, List<TokenLogit> highest) {}

  private static Prefilled prefill(Slot slot, Prompt prompt, Sampler sampler, int topLogits) {
    int token = slot.prefill(prompt, sampler);
    List<TokenLogit> top = topLogits == 0 ? List.of() : highest(slot.logits(), topLogits);
    return new Prefilled(token, slot.stages(), top);
  }

  private Finish decode(
      Slot slot,
      int first,
      Sampler sampler,
      int most,
      TokenListener listener,
      TextStream text,
      List<Integer> ids) {
    int token = first;
    while (true) {
      if (token < 0) {
        throw new IllegalStateException(
            "the model's output is not a number; its weights are damaged or overflow");
      }
      if (stopTokens.contains(token)) {
        return end(Finish.STOP, listener, text, ids);
      }
      ids.add(token);
      if (!listener.onToken(token, text.add(token)) || Thread.currentThread().isInterrupted()) {
        return end(Finish.CANCELLED, listener, text, ids);
      }
      if (ids.size() == most) {
        return end(Finish.LENGTH, listener, text, ids);
      }
      int before = ids.size() - 1;
      token = onDevice(() -> slot.step(before, sampler));
    }
  }

  /** Ends an answer; bytes that never became a character are told with the last token again. */
  private static Finish end(
      Finish finish, TokenListener listener, TextStream text, List<Integer> ids) {
    String rest = text.finish();
    if (!rest.isEmpty() && finish != Finish.CANCELLED) {
      listener.onToken(ids.get(ids.size() - 1), rest);
    }
    return finish;
  }

  private static List<TokenLogit> highest(float[] logits, int count) {
    return IntStream.range(0, logits.length)
        .mapToObj(id -> new TokenLogit(id, logits[id]))
        .sorted(Comparator.comparingDouble((TokenLogit t) -> -t.value()))
        .limit(count)
        .toList();
  }

  // The device, and who may use it
  // ------------------------------------------------------------------

  @FunctionalInterface
  private interface DeviceCall<T> {
    T run();
  }

  private <T> T onDevice(DeviceCall<T> call) {
    device.lock();
    try {
      if (closing) {
        throw closed();
      }
      return call.run();
    } finally {
      device.unlock();
    }
  }

  private void enter() {
    device.lock();
    try {
      if (closing) {
        throw closed();
      }
      asking.add(Thread.currentThread());
    } finally {
      device.unlock();
    }
  }

  private void leave() {
    leave(new Resources());
  }

  /** Lets a question go, with what it held on the device. */
  private void leave(Resources held) {
    device.lock();
    try (held) {
      asking.remove(Thread.currentThread());
      lastLeft.signalAll();
    } finally {
      device.unlock();
    }
  }

  private void giveBack(Slot slot) {
    device.lock();
    try {
      slots.giveBack(slot);
    } finally {
      device.unlock();
    }
  }

  /** Frees a slot that nobody knows the state of, keeping the failure that made it so. */
  private void discard(Slot slot, Throwable failure) {
    device.lock();
    try {
      slot.close();
    } catch (RuntimeException e) {
      failure.addSuppressed(e);
    } finally {
      device.unlock();
    }
  }

  private static void refuseIfInterrupted() {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException("interrupted while the prompt was read");
    }
  }

  private static IllegalStateException closed() {
    return new IllegalStateException("the model is closed");
  }

  private static double millisSince(long start) {
    return (System.nanoTime() - start) / NANOS_PER_MILLI;
  }

  // What it is
  // --------------------------------------------------------------------------------------

  /** A picture as the vision tower sees it: cut and resized to the tower's square. */
  public Picture view(Picture picture) {
    return imageProcessor.view(picture);
  }

  /** What the checkpoint's configuration says. */
  public LlavaConfig config() {
    return config;
  }

  /** The device that runs it: {@code cpu} or {@code cuda}. */
  public String backend() {
    return backend;
  }

  /** The device in words. */
  public String device() {
    return kernels.description();
  }

  /**
   * The type of the decoder's weights as they are used: {@code float32}, {@code bfloat16} or {@code
   * float16}.
   */
  public String dtype() {
    return dtype;
  }

  /** How long loading took, in milliseconds. */
  public double loadMillis() {
    return loadMillis;
  }

  /**
   * Waits for running answers to end at their next step and frees everything; a second call does
   * nothing.
   *
   * @throws IllegalStateException if a listener calls this, whose own answer could then never end
   */
  @Override
  public void close() {
    device.lock();
    try {
      if (asking.contains(Thread.currentThread())) {
        throw new IllegalStateException(
            "a listener can't close the model; return false and close it after");
      }
      closing = true;
      while (!asking.isEmpty()) {
        lastLeft.awaitUninterruptibly();
      }
      resources.close();
    } finally {
      device.unlock();
    }
  }
}
