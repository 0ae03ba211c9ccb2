package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Picture;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.loader.Tokenizer;
import org.pyramiddrop.transformer.generation.Sampler;
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
    this.folder = folder;
    try {
      config = LlavaConfig.read(folder);
      Checkpoint checkpoint = resources.add(Checkpoint.open(folder));
      Kernels opened = resources.add(Devices.open(device, 2, dtype));
      kernels = watched.apply(opened);
      WeightType type = WeightType.valueOf(dtype.name());
      WeightStore store = resources.add(new WeightStore(checkpoint, kernels, type));
      encoder = resources.add(new ImageEncoder(kernels, config, store));
      decoder = resources.add(new Decoder(kernels, config, store));
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

  /** A question's token ids, with room where its pictures go. */
  Prompt prompt(Question question) {
    String text = question.prompt();
    int pictures = question.pictures().size();
    if (!question.raw()) {
      ChatTurn turn = new ChatTurn(Role.USER, pictures, text);
      text = ChatTemplate.read(folder).render(List.of(turn), true);
    }
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      return Prompt.of(
          tokenizer.encode(text, true),
          config.imageTokenId(),
          question.pictures().stream().map(processor()::layout).toList());
    }
  }

  private ImageProcessor processor() {
    return ImageProcessor.read(folder, config);
  }

  private void embed(Picture picture, Tensor out) {
    encoder.encode(
        processor().process(picture),
        processor().layout(picture),
        Progress.unheard(TokenListener.Phase.VISION),
        out);
  }

  /** A question's first logits, by operations started one by one. */
  float[] logits(Question question, PruningPlan plan) {
    Prompt prompt = prompt(question);
    Schedule schedule = plan.schedule(decoder.layers());
    List<Tensor> images = new ArrayList<>();
    for (Picture picture : question.pictures()) {
      Tensor image = kernels.allocate(processor().layout(picture).tokens(), decoder.hiddenSize());
      embed(picture, image);
      images.add(image);
    }
    try (Indices ids = kernels.indices(prompt.ids());
        KeptRows kept = new KeptRows(kernels, schedule, prompt);
        KeyValueCache cache = decoder.cache(prompt, schedule, 0);
        Tensor logits = kernels.allocate(DType.FLOAT32, 1, decoder.vocabulary());
        Sequence sequence =
            new Sequence(kernels, schedule, kept, decoder.merge(ids, prompt.images(), images))) {
      decoder.prefill(sequence, 0, schedule, cache, _ -> {}, logits);
      return kernels.download(logits);
    } finally {
      images.forEach(Tensor::close);
    }
  }

  /** A slot for a question, its pictures in it. */
  Slot slot(Question question, PruningPlan plan, int further) {
    Prompt prompt = prompt(question);
    Slot slot =
        new Slot(kernels, decoder, new Slot.Shape(prompt.length(), prompt.images(), plan, further));
    fill(slot, question);
    return slot;
  }

  /** Puts a question's pictures into a slot. */
  void fill(Slot slot, Question question) {
    IntStream.range(0, question.pictures().size())
        .forEach(i -> embed(question.pictures().get(i), slot.images().get(i)));
  }

  /** Reads the prompt, takes steps, and returns all tokens. */
  List<Integer> tokens(Slot slot, Question question, int steps) {
    Sampler sampler = new Sampler(Sampling.greedy());
    List<Integer> tokens = new ArrayList<>(List.of(slot.prefill(prompt(question), sampler)));
    for (int i = 0; i < steps; i++) {
      tokens.add(slot.step(i, sampler));
    }
    return tokens;
  }

  /** Reads the prompt and takes steps on tokens that were chosen elsewhere. */
  void tokens(Slot slot, Question question, int steps, List<Integer> given) {
    Sampler sampler = new Sampler(Sampling.greedy());
    slot.prefill(prompt(question), sampler);
    for (int i = 0; i < steps; i++) {
      kernels.upload(new int[] {given.get(i)}, slot.part().token().id());
      slot.step(i, sampler);
    }
  }

  @Override
  public void close() {
    resources.close();
  }
}
