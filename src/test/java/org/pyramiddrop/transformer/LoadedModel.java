package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.loader.Tokenizer;
import org.pyramiddrop.transformer.engine.Decoder;
import org.pyramiddrop.transformer.engine.ImageEncoder;
import org.pyramiddrop.transformer.engine.KeptRows;
import org.pyramiddrop.transformer.engine.KeyValueCache;
import org.pyramiddrop.transformer.engine.Progress;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.Sampler;
import org.pyramiddrop.transformer.engine.Sequence;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.engine.WeightStore;
import org.pyramiddrop.transformer.engine.WeightTypes;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/** A checkpoint on a device, its parts within a test's reach. */
final class LoadedModel implements AutoCloseable {
  private final Resources resources = new Resources();
  private final Path folder;
  private final Kernels kernels;
  private final LlavaConfig config;
  private final ImageEncoder encoder;
  private final Decoder decoder;

  /**
   * Loads.
   *
   * @param dtype that of weights on either device, and of a GPU's activations
   * @param watched puts something between the model and the device
   */
  LoadedModel(Path folder, String device, DType dtype, UnaryOperator<Kernels> watched) {
    this(folder, device, WeightTypes.of(Optional.of(dtype)), watched);
  }

  /** Loads weights in these types, of which {@code all} is there. */
  LoadedModel(Path folder, String device, WeightTypes types, UnaryOperator<Kernels> watched) {
    this.folder = folder;
    try {
      config = LlavaConfig.read(folder);
      Checkpoint checkpoint = resources.add(Checkpoint.open(folder));
      Kernels opened = resources.add(Devices.open(device, 2, types.all().orElseThrow()));
      kernels = watched.apply(opened);
      ModelDescription model = ModelDescription.of(config, checkpoint, checkpoint);
      WeightStore store = resources.add(new WeightStore(checkpoint, kernels, types, () -> {}));
      encoder = resources.add(new ImageEncoder(kernels, model, store, store));
      decoder = resources.add(new Decoder(kernels, model.decoder(), store));
    } catch (RuntimeException | Error e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  Kernels kernels() {
    return kernels;
  }

  Decoder decoder() {
    return decoder;
  }

  /** A question's token ids, with room where its images go. */
  Prompt prompt(Question question) {
    String text = question.prompt();
    int images = question.images().size();
    if (!question.raw()) {
      ChatTurn turn = new ChatTurn(Role.USER, images, text);
      text = ChatTemplate.read(folder).render(List.of(turn), true);
    }
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      return Prompt.of(
          tokenizer.encode(text, true),
          config.imageTokenId(),
          question.images().stream().map(processor()::layout).toList());
    }
  }

  private ImageProcessor processor() {
    return ImageProcessor.read(folder, config);
  }

  private void embed(Image image, Tensor out) {
    encoder.encode(
        processor().process(image),
        processor().layout(image),
        Progress.ofVision(Progress.SILENT, Integer.MAX_VALUE),
        out);
  }

  /** A question's first logits, by operations started one by one. */
  float[] logits(Question question, PruningPlan plan) {
    Prompt prompt = prompt(question);
    Schedule schedule = plan.schedule(decoder.layers());
    List<Tensor> embeddings = new ArrayList<>();
    for (Image image : question.images()) {
      Tensor embedding = kernels.allocate(processor().layout(image).tokens(), decoder.hiddenSize());
      embed(image, embedding);
      embeddings.add(embedding);
    }
    try (Indices ids = kernels.indices(prompt.ids());
        KeptRows kept = new KeptRows(kernels, schedule, prompt);
        KeyValueCache cache = decoder.allocateCache(prompt, schedule, 0);
        Tensor logits = kernels.allocate(DType.FLOAT32, 1, decoder.vocabulary());
        Sequence sequence =
            new Sequence(
                kernels, schedule, kept, decoder.embedPrompt(ids, prompt.images(), embeddings))) {
      decoder.prefill(sequence, 0, schedule, cache, _ -> {}, logits);
      return kernels.download(logits);
    } finally {
      embeddings.forEach(Tensor::close);
    }
  }

  /** A runner for a question, its images in it. */
  SequenceRunner runner(Question question, PruningPlan plan, int further) {
    Prompt prompt = prompt(question);
    SequenceRunner runner =
        new SequenceRunner(
            kernels,
            decoder,
            new SequenceRunner.Shape(prompt.length(), prompt.images(), plan, further));
    fill(runner, question);
    return runner;
  }

  /** Puts a question's images into a runner. */
  void fill(SequenceRunner runner, Question question) {
    IntStream.range(0, question.images().size())
        .forEach(i -> embed(question.images().get(i), runner.imageEmbeddings().get(i)));
  }

  /** Reads the prompt, takes steps, and returns all tokens. */
  List<Integer> tokens(SequenceRunner runner, Question question, int steps) {
    Sampler sampler = new Sampler(Sampling.greedy());
    List<Integer> tokens = new ArrayList<>(List.of(runner.prefill(prompt(question), sampler)));
    for (int i = 0; i < steps; i++) {
      tokens.add(runner.decodeStep(i, sampler));
    }
    return tokens;
  }

  /** Reads the prompt and takes steps on tokens that were chosen elsewhere. */
  void tokens(SequenceRunner runner, Question question, int steps, List<Integer> given) {
    Sampler sampler = new Sampler(Sampling.greedy());
    runner.prefill(prompt(question), sampler);
    for (int i = 0; i < steps; i++) {
      kernels.upload(new int[] {given.get(i)}, runner.decodeInputs().token().id());
      runner.decodeStep(i, sampler);
    }
  }

  @Override
  public void close() {
    resources.close();
  }
}
