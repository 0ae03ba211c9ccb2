package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTemplateException;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.FileAccess;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelFiles;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.loader.StopTokens;
import org.pyramiddrop.transformer.engine.DeviceTurns;
import org.pyramiddrop.transformer.engine.Engine;
import org.pyramiddrop.transformer.engine.ImageCuts;
import org.pyramiddrop.transformer.engine.Progress;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.TextStream;
import org.pyramiddrop.transformer.engine.WeightFault;
import org.pyramiddrop.transformer.engine.WeightTypes;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Score;

/** A checkpoint on a device: all that questions need of it, and who may use it. */
final class Model implements AutoCloseable {
  private final String backend;
  private final ModelFiles files;
  private final Engine engine;
  private final Set<Integer> stopTokens;
  private final Resources resources;

  /** What the device reads from in place while it works. */
  private final List<Checkpoint> inPlace;

  private final DeviceTurns turns = new DeviceTurns();

  /** Conversations that keep something on the device. */
  private final List<Conversation> conversations = new ArrayList<>();

  private Model(Path folder, LoadOptions options, LoadListener listener, Resources resources) {
    this.resources = resources;
    backend = options.backend().device();
    // A device that can't be had is refused before anything is read for it.
    Devices.require(backend);
    files = resources.add(ModelFiles.open(folder, options.visionTower(), reading(options)));
    stopTokens = StopTokens.read(folder, files.config());
    engine =
        resources.add(
            Engine.load(
                files.description(),
                files.checkpoint(),
                files.towerCheckpoint(),
                new WeightTypes(options.dtype().converted(), options.weights().converted()),
                listener::converted,
                activations -> Devices.open(backend, options.threads(), activations)));
    // A GPU has copied all it needs.
    inPlace =
        Devices.readsInPlace(backend)
            ? List.of(files.checkpoint(), files.towerCheckpoint())
            : List.of();
  }

  private static FileAccess reading(LoadOptions options) {
    return options.copy() ? FileAccess.COPIED : FileAccess.MAPPED;
  }

  static Model load(Path folder, LoadOptions options, LoadListener listener) {
    Resources resources = new Resources();
    try {
      return WeightFault.named(folder, () -> new Model(folder, options, listener, resources));
    } catch (RuntimeException | Error e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  LlavaConfig config() {
    return files.config();
  }

  String backend() {
    return backend;
  }

  Engine engine() {
    return engine;
  }

  DeviceTurns turns() {
    return turns;
  }

  ImageProcessor imageProcessor() {
    return files.imageProcessor();
  }

  String dtype() {
    return engine.decoder().dtype().label();
  }

  /**
   * A conversation as the chat template writes it, the answer to its last turn to follow. Where the
   * model itself said {@code <image>}, a space keeps it from being read as an image's place.
   *
   * @param systemPrompt what goes before the first turn; empty for nothing
   * @throws IllegalArgumentException if the user's words, the system prompt or a system turn
   *     contain {@code <image>}
   * @throws ChatTemplateException if the template has no place for a turn, the system's included
   */
  String rendered(String systemPrompt, List<ChatTurn> turnsSoFar) {
    List<ChatTurn> turnsToRender = new ArrayList<>();
    List<ChatTurn> turns = new ArrayList<>(turnsSoFar);
    if (!systemPrompt.isEmpty()) {
      turns.addFirst(new ChatTurn(Role.SYSTEM, 0, systemPrompt));
    }
    for (ChatTurn turn : turns) {
      boolean marked = turn.text().contains(ChatTemplate.IMAGE);
      if (marked && turn.role() == Role.SYSTEM) {
        throw new IllegalArgumentException(
            "the system prompt contains "
                + ChatTemplate.IMAGE
                + "; images belong to the user's words");
      }
      if (marked && turn.role() == Role.USER) {
        throw new IllegalArgumentException(
            "the prompt contains "
                + ChatTemplate.IMAGE
                + "; the chat template places images, or use a raw prompt");
      }
      turnsToRender.add(
          marked
              ? new ChatTurn(
                  turn.role(), turn.images(), turn.text().replace(ChatTemplate.IMAGE, "< image>"))
              : turn);
    }
    return files.chatTemplate().render(turnsToRender, true);
  }

  /**
   * A prompt with room for the images' tokens.
   *
   * @param text as the model is to see it, with {@code <image>} where each image goes
   * @param plan whose cuts before the decoder the images are counted after
   * @throws IllegalArgumentException if there are not as many places as images, or the context
   *     holds no further token, or the vision tower has nothing that the plan could go by
   */
  Prompt prompt(String text, List<Image> images, PruningPlan plan) {
    refuseWithoutAttention(plan);
    int[] ids =
        config().original() == null
            ? files.tokenizer().encode(text, true)
            : files.tokenizer().encodePieces(text, ChatTemplate.IMAGE, config().imageTokenId());
    for (int id : ids) {
      if ((id < 0 && id != config().imageTokenId()) || id >= config().text().vocabSize()) {
        throw new IllegalArgumentException(
            "the prompt has token %d, but the model knows %d; its tokenizer belongs to another"
                .formatted(id, config().text().vocabSize()));
      }
    }
    List<ImageLayout> layouts = images.stream().map(imageProcessor()::layout).toList();
    // Counted before it is written out: a checkpoint may ask for any number of tiles.
    long imageTokens = layouts.stream().mapToLong(layout -> entering(plan, layout)).sum();
    long length = ids.length - images.size() + imageTokens;
    if (length >= config().text().maxPositions()) {
      throw new IllegalArgumentException(
          "the prompt has %d tokens, %d of them of images, and the model's context holds %d; shorten it"
              .formatted(length, imageTokens, config().text().maxPositions()));
    }
    return Prompt.of(ids, config().imageTokenId(), layouts, plan);
  }

  private static int entering(PruningPlan plan, ImageLayout layout) {
    return plan.cutsBeforeDecoder().isEmpty()
        ? layout.tokens()
        : plan.entering(ImageShape.of(layout));
  }

  private void refuseWithoutAttention(PruningPlan plan) {
    boolean reads = plan.cuts().stream().anyMatch(cut -> cut.score() == Score.CLASS_ATTENTION);
    if (reads && engine.imageEncoder().cropLayers() == 0) {
      throw new IllegalArgumentException(
          "this model's features are what enters its vision tower, which has no attention then for"
              + " a plan to go by");
    }
  }

  /** Tokens that an answer to a prompt may have before the context is full. */
  int room(Prompt prompt) {
    return config().text().maxPositions() - prompt.length();
  }

  /**
   * Encodes images one by one, others' work going on between them, a few crops at a time.
   *
   * @param listener hears the tower's layers over all of them
   * @param cuts of each image before the decoder; none if there are none
   * @param embeddings out: of each image, its tokens × the decoder's hidden size
   */
  void encode(
      List<Image> images, TokenListener listener, List<ImageCuts> cuts, List<Tensor> embeddings) {
    int crops = images.stream().map(imageProcessor()::layout).mapToInt(ImageLayout::crops).sum();
    int layers = Math.multiplyExact(crops, engine.imageEncoder().cropLayers());
    Progress progress = Progress.ofVision(heard(listener, TokenListener.Phase.VISION), layers);
    for (int i = 0; i < images.size(); i++) {
      Tensor to = embeddings.get(i);
      ImageLayout layout = imageProcessor().layout(images.get(i));
      List<Pixels> cropped = imageProcessor().process(images.get(i));
      DeviceTurns.refuseIfInterrupted();
      @Nullable ImageCuts cut = cuts.isEmpty() ? null : cuts.get(i);
      turns.run(() -> {
        if (cut == null) {
          engine.imageEncoder().encode(cropped, layout, progress, to);
        } else {
          engine.imageEncoder().encode(cropped, layout, cut, progress, to);
        }
        return to;
      });
    }
  }

  /** A prefill that a listener hears of. */
  Progress prefillProgress(TokenListener listener) {
    return Progress.ofPrefill(
        heard(listener, TokenListener.Phase.PREFILL), engine.decoder().layers());
  }

  private static Progress.Listener heard(TokenListener listener, TokenListener.Phase phase) {
    return (done, total) -> listener.onProgress(phase, done, total);
  }

  /** An answer of at most some tokens. */
  Generation generation(int most, Options options, TokenListener listener) {
    TextStream text = new TextStream(ids -> files.tokenizer().decode(ids, true));
    return new Generation(this, most, text, options, listener);
  }

  /** The text of tokens, special ones included. */
  String text(int... tokens) {
    return files.tokenizer().decode(tokens, false);
  }

  /** Tokens that end an answer. */
  Set<Integer> stopTokens() {
    return stopTokens;
  }

  /**
   * Does the work of one question, which the model waits for when it closes.
   *
   * @throws CheckpointException if the weights are read from files that have changed, or change
   *     meanwhile
   * @throws IllegalStateException if the model is closed, or a listener asks this in the middle of
   *     a turn
   */
  <T> T answering(Supplier<T> work) {
    turns.enter();
    try {
      refuseIfChanged();
      T done = WeightFault.named(folder(), work);
      // What was read from a file that was written to meanwhile is nobody's answer.
      refuseIfChanged();
      return done;
    } finally {
      turns.leave();
    }
  }

  /**
   * Refuses weights that are read from files that have changed.
   *
   * @throws CheckpointException if they have
   */
  void refuseIfChanged() {
    inPlace.forEach(Checkpoint::refuseIfChanged);
  }

  /** Where the checkpoint is. */
  Path folder() {
    return files.folder();
  }

  /** Begins a conversation, which ends with the model at the latest. */
  Conversation converse(Options options) {
    return turns.run(() -> {
      Conversation conversation = new Conversation(this, options);
      conversations.add(conversation);
      return conversation;
    });
  }

  /** Hears that a conversation is closed. */
  void ended(Conversation conversation) {
    conversations.remove(conversation);
  }

  /** Waits for running questions to end at their next step and frees everything. */
  @Override
  public void close() {
    turns.close(() -> {
      // The newest first: one that fails to close keeps none of the others open.
      Resources all = new Resources();
      all.add(resources);
      List.copyOf(conversations).forEach(all::add);
      all.close();
    });
  }
}
