package org.pyramiddrop.langchain4j;

import dev.langchain4j.data.message.ImageContent.DetailLevel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.ImageLimits;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.LoadOptions;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * What both chat models are built from: a folder or a loaded model, default parameters, and where
 * images may come from.
 *
 * @param <B> the builder
 */
public abstract sealed class ModelBuilder<B extends ModelBuilder<B>>
    permits PyramidDropChatModel.Builder, PyramidDropStreamingChatModel.Builder {
  private static final Duration LONGEST_DOWNLOAD = Duration.ofSeconds(30);

  private final PyramidDropChatRequestParameters.Builder parameters =
      PyramidDropChatRequestParameters.builder();
  private final Map<DetailLevel, PruningPlan> plans = new EnumMap<>(DetailLevel.class);
  private @Nullable Llava model;
  private @Nullable Path folder;
  private LoadOptions loadOptions = LoadOptions.defaults();
  private @Nullable String name;
  private List<ChatModelListener> listeners = List.of();
  private ImageLimits imageLimits = ImageLimits.defaults();
  private Predicate<URI> webImages = url -> false;
  private Executor executor =
      Executors.newThreadPerTaskExecutor(
          Thread.ofPlatform().daemon().name("pyramiddrop-chat-", 0).factory());

  ModelBuilder() {
    PruningPlan paper = Options.defaults().pruning();
    plans.put(DetailLevel.LOW, paper);
    plans.put(DetailLevel.MEDIUM, PruningPlan.pyramid(4, 0.7));
    plans.put(DetailLevel.HIGH, PruningPlan.none());
    plans.put(DetailLevel.ULTRA_HIGH, PruningPlan.none());
    plans.put(DetailLevel.AUTO, paper);
  }

  abstract B self();

  /** A checkpoint's folder, which is loaded for this chat model alone and closed with it. */
  public B modelPath(Path newFolder) {
    folder = newFolder;
    return self();
  }

  /** How that folder is loaded: backend, type of weights, threads. */
  public B loadOptions(LoadOptions options) {
    loadOptions = options;
    return self();
  }

  /** A model that is loaded already, which several chat models may share; its owner closes it. */
  public B model(Llava loaded) {
    model = loaded;
    return self();
  }

  /** What responses call the model; the folder's name, or {@code llava}, unless it is set. */
  public B modelName(String newName) {
    name = newName;
    return self();
  }

  /** Parameters of requests that don't say otherwise, laid over those that were set before. */
  public B defaultRequestParameters(ChatRequestParameters defaults) {
    parameters.overrideWith(defaults);
    return self();
  }

  /** The temperature; 0, the default, always takes the likeliest token. */
  public B temperature(double temperature) {
    parameters.temperature(temperature);
    return self();
  }

  /** Tokens are drawn from the likeliest ones whose probabilities reach this sum. */
  public B topP(double topP) {
    parameters.topP(topP);
    return self();
  }

  /** Tokens are drawn from this many of the likeliest ones. */
  public B topK(int topK) {
    parameters.topK(topK);
    return self();
  }

  /** The most tokens of an answer; 128 unless it is set. */
  public B maxOutputTokens(int tokens) {
    parameters.maxOutputTokens(tokens);
    return self();
  }

  /** Texts that end an answer before them. */
  public B stopSequences(List<String> texts) {
    parameters.stopSequences(texts);
    return self();
  }

  /** Where image tokens are dropped, whatever the detail of a request's images. */
  public B plan(PruningPlan plan) {
    parameters.plan(plan);
    return self();
  }

  /** Where the random numbers start; without one, each request draws others. */
  public B seed(long seed) {
    parameters.seed(seed);
    return self();
  }

  /**
   * What a level of detail stands for, where no plan is asked for by name. Unless it is changed,
   * LOW (which {@code ImageContent} has by itself) and AUTO are the paper's four stages that halve,
   * MEDIUM keeps 0.7 from stage to stage, HIGH and ULTRA_HIGH drop nothing. Of several images the
   * highest level decides, AUTO last.
   */
  public B detail(DetailLevel level, PruningPlan plan) {
    plans.put(level, plan);
    return self();
  }

  /** Who hears of requests, responses and errors. */
  public B listeners(List<ChatModelListener> newListeners) {
    listeners = List.copyOf(newListeners);
    return self();
  }

  /** What an image may cost. */
  public B imageLimits(ImageLimits limits) {
    imageLimits = limits;
    return self();
  }

  /**
   * Which http and https addresses images may be read from; none unless it is set. Redirects are
   * asked about too. Whoever writes the messages chooses the address: allow hosts by name, since
   * yours may reach what others can't.
   */
  public B webImages(Predicate<URI> allowed) {
    webImages = allowed;
    return self();
  }

  /** What runs answers that are not waited for; a thread for each unless it is set. */
  public B executor(Executor newExecutor) {
    executor = newExecutor;
    return self();
  }

  /** What a chat model holds. */
  record Parts(
      LlavaChat chat, @Nullable Llava owned, List<ChatModelListener> listeners, Executor executor) {
    void close() {
      if (owned != null) {
        owned.close();
      }
    }
  }

  /**
   * Loads the folder, unless a model was given.
   *
   * @throws IllegalStateException if neither or both were given
   */
  Parts parts() {
    if ((model == null) == (folder == null)) {
      throw new IllegalStateException(
          "a chat model is built from a folder, modelPath(…), or from a loaded model, model(…)");
    }
    ImageSource images = new ImageSource(imageLimits, new WebImages(webImages, LONGEST_DOWNLOAD));
    if (model != null) {
      return new Parts(chat(model, "llava", images), null, listeners, executor);
    }
    Llava owned = Llava.load(folder, loadOptions);
    try {
      Path last = folder.toAbsolutePath().normalize().getFileName();
      String called = last == null ? "llava" : last.toString();
      return new Parts(chat(owned, called, images), owned, listeners, executor);
    } catch (RuntimeException e) {
      owned.close();
      throw e;
    }
  }

  private LlavaChat chat(Llava loaded, String called, ImageSource images) {
    String own = name == null ? called : name;
    PyramidDropChatRequestParameters named =
        PyramidDropChatRequestParameters.builder()
            .modelName(own)
            .overrideWith(parameters.build())
            .build();
    return new LlavaChat(loaded, own, named, plans, images);
  }
}
