package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ChatTemplateException;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageView;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.engine.AttentionProbe;
import org.pyramiddrop.transformer.engine.Progress;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A LLaVA model that answers questions about images.
 *
 * {@snippet :
 * try (Llava model = Llava.load(Path.of("llava-1.5-7b-hf"))) {
 *   Answer answer = model.ask(Question.of("What is on the table?", Path.of("kitchen.jpg")));
 *   System.out.println(answer.text());
 * }
 * }
 *
 * <p>Any number of threads may ask at once. They take turns on the device: an image's encoding, a
 * prompt's prefill and each decode step run one at a time, in the order they were asked for, so a
 * long answer does not hold up others. A waiting or decoding thread that is interrupted ends its
 * answer as {@link Finish#CANCELLED}; while it encodes images or reads the prompt, with a {@link
 * CancellationException}, behind the layer that is running (on a GPU, behind the crops or the
 * prefill). Its interrupt status stays set. {@link #close} lets no new question in, ends running
 * ones at their next step, and frees everything when the last is gone.
 */
public final class Llava implements AutoCloseable {
  private final Model model;
  private final double loadMillis;

  private Llava(Model model, double loadMillis) {
    this.model = model;
    this.loadMillis = loadMillis;
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
   * Loads a Hugging Face folder, or one in the layout of the original LLaVA repository. Weights are
   * memory-mapped unless {@link LoadOptions#withCopy} says otherwise: the CPU reads them in place.
   *
   * <p>A folder whose weights the CPU reads in place must stay as it is until the model is closed.
   * Before and after each question the size, the time of modification and the identity of its
   * safetensors files are compared with what was loaded; once one differs or is gone, that question
   * and all that follow end in a CheckpointException, also where the file is put back. A file that
   * is cut short while a question reads it ends in one too where Java turns the fault into an
   * error. Java doesn't for all compiled code of the Vector API, and then the process ends
   * (SIGBUS); nothing in Java can catch that. Weights that were copied, into memory or to a GPU,
   * don't need the folder once it is loaded.
   *
   * @throws CheckpointException if the folder is not a LLaVA checkpoint this library can run, if it
   *     changes while it is loaded, or if there isn't memory enough for a copy
   * @throws IllegalArgumentException if the checkpoint needs a vision tower from another folder and
   *     the options name none, or the other way round
   * @throws DeviceException if the backend can't be had, for want of a flag of Java for instance;
   *     it names the flag, before any weights are mapped
   */
  public static Llava load(Path folder, LoadOptions options) {
    return load(folder, options, (done, all) -> {});
  }

  /**
   * Loads a folder as {@link #load(Path, LoadOptions)} does.
   *
   * @param listener hears of each matrix that {@link LoadOptions#withWeights} asks to be converted
   */
  public static Llava load(Path folder, LoadOptions options, LoadListener listener) {
    long start = System.nanoTime();
    Model model = Model.load(folder, options, listener);
    return new Llava(model, ActiveRequest.millisSince(start));
  }

  /** Answers with {@link Options#defaults}: pruned as the paper has it, greedy. */
  public Answer ask(Question question) {
    return ask(question, Options.defaults());
  }

  /**
   * Answers a question as {@link #ask(Question, Options, TokenListener)} does, without a listener.
   */
  public Answer ask(Question question, Options options) {
    return ask(question, options, (id, text) -> true);
  }

  /**
   * Answers a question and tells each token as it comes.
   *
   * @param listener called on this thread; it may end the answer
   * @throws IllegalArgumentException if the prompt has other than one place an image or no room for
   *     an answer, if the plan does not fit the model, or if a raw question comes with a system
   *     prompt
   * @throws ChatTemplateException if the chat template has no place for what is asked, a system
   *     prompt for instance
   * @throws CheckpointException if weights that are read in place have changed since loading
   * @throws CancellationException if the thread is interrupted, or the listener stops it, before
   *     the first token
   * @throws NanLogitsException if the model's output is not a number
   * @throws IllegalStateException if the model is closed, or its listener asks this while it hears
   *     of progress
   */
  public Answer ask(Question question, Options options, TokenListener listener) {
    return model.answering(() -> {
      try (ActiveRequest request = new ActiveRequest(model, question, options, listener)) {
        request.acquire();
        boolean more = request.prefill();
        long start = System.nanoTime();
        while (more) {
          more = request.decodeStep();
        }
        return request.answer(ActiveRequest.millisSince(start));
      }
    });
  }

  /**
   * Answers several questions, whose prompts are read one after the other and whose answers are
   * generated together, so that each decode step reads the weights once for all of them. Each
   * answer is the one its question would get alone, up to rounding.
   *
   * @param batch rows that may differ in length, images, plan, sampling and longest answer
   * @return the answers in that order; the decode time of each is until its own last token
   * @throws IllegalArgumentException as {@link #ask(Question, Options, TokenListener)}, before any
   *     work is begun
   * @throws ChatTemplateException as {@link #ask(Question, Options, TokenListener)}
   * @throws CheckpointException as {@link #ask(Question, Options, TokenListener)}
   * @throws CancellationException if the thread is interrupted before the last row's first token
   * @throws NanLogitsException if the model's output is not a number in any row
   * @throws IllegalStateException if the model is closed
   */
  public List<Answer> askAll(List<Request> batch) {
    return model.answering(() -> {
      Resources owned = new Resources();
      try (owned) {
        List<ActiveRequest> rows = new ArrayList<>();
        for (Request row : batch) {
          rows.add(
              owned.add(
                  new ActiveRequest(model, row.question(), row.options(), (id, text) -> true)));
        }
        rows.forEach(ActiveRequest::acquire);
        return decodeTogether(rows);
      }
    });
  }

  private List<Answer> decodeTogether(List<ActiveRequest> rows) {
    Answer[] answers = new Answer[rows.size()];
    List<ActiveRequest> active = new ArrayList<>();
    for (ActiveRequest row : rows) {
      if (row.prefill()) {
        active.add(row);
      } else {
        answers[rows.indexOf(row)] = row.answer(0);
      }
    }
    long start = System.nanoTime();
    try (RunningBatch batch = new RunningBatch(model)) {
      active.forEach(batch::join);
      while (!batch.rows().isEmpty()) {
        Map<ActiveRequest, Generation.SampledToken> tokens = batch.step();
        tokens.forEach((row, token) -> {
          if (!row.accept(token)) {
            batch.leave(row);
            answers[rows.indexOf(row)] = row.answer(ActiveRequest.millisSince(start));
          }
        });
      }
    }
    return List.of(answers);
  }

  /**
   * Takes requests as they come and generates their answers together. The scheduler is closed
   * before the model.
   */
  public Scheduler scheduler(SchedulerLimits limits) {
    return new Scheduler(model, limits);
  }

  /**
   * Begins a conversation, whose questions share what is the same for all of them.
   *
   * @param options how each of its questions is answered
   * @throws IllegalArgumentException if the plan does not fit the model
   * @throws IllegalStateException if the model is closed
   */
  public Conversation converse(Options options) {
    return model.converse(options);
  }

  /**
   * Says how much attention the prompt's last token pays each image token: what image tokens are
   * ranked by, layer by layer, when none has been dropped.
   *
   * @param layers decoder layers, from 0
   * @return a map for each of these layers, shallow ones first
   * @throws IllegalArgumentException if there is no such layer, or the question can't be asked
   * @throws ChatTemplateException as {@link #ask(Question, Options, TokenListener)}
   * @throws CheckpointException as {@link #ask(Question, Options, TokenListener)}
   * @throws CancellationException if the thread is interrupted
   * @throws IllegalStateException if the model is closed
   */
  public List<AttentionMap> attention(Question question, List<Integer> layers) {
    int deepest = model.engine().decoder().layers() - 1;
    for (int layer : layers) {
      if (layer < 0 || layer > deepest) {
        throw new IllegalArgumentException(
            "there is no layer %d; the decoder has 0 to %d".formatted(layer, deepest));
      }
    }
    return model.answering(() -> {
      Resources images = new Resources();
      try {
        Prompt prompt = ActiveRequest.prompt(model, question, "", PruningPlan.none());
        List<Tensor> embeddings =
            model.turns().run(() -> model.engine().allocateEmbeddings(prompt.images(), images));
        model.encode(question.images(), (id, text) -> true, List.of(), embeddings);
        AttentionProbe probe =
            new AttentionProbe(model.engine().kernels(), model.engine().decoder(), prompt, layers);
        Progress progress = model.prefillProgress((id, text) -> true);
        return model.turns().run(() -> probe.run(embeddings, progress)).entrySet().stream()
            .map(layer -> AttentionMap.of(layer.getKey(), layer.getValue(), prompt.images()))
            .toList();
      } finally {
        model.turns().release(images::close);
      }
    });
  }

  /** What the model sees of an image, and which of its tokens stands for what. */
  public ImageView view(Image image) {
    return model.imageProcessor().views(image);
  }

  /** A token's text; a part of a character is the sign that stands for what can't be read. */
  public String text(int token) {
    return model.text(token);
  }

  /** What the checkpoint's configuration says. */
  public LlavaConfig config() {
    return model.config();
  }

  /** The device that runs it: {@code cpu} or {@code cuda}. */
  public String backend() {
    return model.backend();
  }

  /** The device in words. */
  public String device() {
    return model.engine().kernels().description();
  }

  /**
   * The type of the decoder's weights as they are used: {@code float32}, {@code bfloat16} or {@code
   * float16}.
   */
  public String dtype() {
    return model.dtype();
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
    model.close();
  }
}
