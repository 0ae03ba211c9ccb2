package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.transformer.engine.Decoder;
import org.pyramiddrop.transformer.engine.ImageEncoder;
import org.pyramiddrop.transformer.engine.KeptRows;
import org.pyramiddrop.transformer.engine.KeyValueCache;
import org.pyramiddrop.transformer.engine.NextToken;
import org.pyramiddrop.transformer.engine.Progress;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Sequence;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.engine.VisionTower;
import org.pyramiddrop.transformer.engine.WeightStore;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;
import tools.jackson.databind.JsonNode;

/** A fixture loaded in parts; {@code plainOrder} as in {@link Decoder}. */
final class FixtureParts implements AutoCloseable {
  final Fixture fixture;
  final LlavaConfig config;
  final ImageProcessor processor;
  final Kernels kernels = TestDevice.open(DType.FLOAT32);
  final Decoder decoder;
  private final Checkpoint checkpoint;
  private final WeightStore store;
  private final VisionTower tower;
  private final ImageEncoder encoder;

  FixtureParts(String name, boolean plainOrder) {
    fixture = new Fixture(name);
    config = LlavaConfig.read(fixture.folder());
    processor = ImageProcessor.read(fixture.folder(), config);
    checkpoint = Checkpoint.open(fixture.folder());
    ModelDescription model = ModelDescription.of(config, checkpoint, checkpoint);
    store = new WeightStore(checkpoint, kernels, Optional.empty());
    tower = new VisionTower(kernels, model.visionTower(), store);
    encoder = new ImageEncoder(kernels, model, store, store);
    decoder = new Decoder(kernels, model.decoder(), store, plainOrder);
  }

  /** What the vision tower is given, by the reference, so that image decoding is not tested. */
  List<Pixels> pixels(String image) {
    int side = config.vision().imageSize();
    float[] values = fixture.floats("pixels", image);
    int size = 3 * side * side;
    assertThat(values.length % size).isZero();
    return IntStream.range(0, values.length / size)
        .mapToObj(i -> Arrays.copyOfRange(values, i * size, (i + 1) * size))
        .map(crop -> new Pixels(3, side, side, crop))
        .toList();
  }

  /** What the projector is given of each crop, one below the other. */
  float[] features(String image) {
    List<Pixels> crops = pixels(image);
    try (Tensor features = kernels.allocate(crops.size() * tower.tokens(), tower.columns());
        Tensor pixels = tower.allocatePixels(crops.size())) {
      for (int i = 0; i < crops.size(); i++) {
        kernels.upload(crops.get(i).values(), pixels.rows(i, 1));
      }
      tower.encode(pixels, () -> {}, features);
      return kernels.download(features);
    }
  }

  ImageLayout layout(String image) {
    return processor.layout(Image.read(fixture.image(image)));
  }

  /** Layers of the vision tower over all of an image's crops. */
  int visionLayers(String image) {
    return layout(image).crops() * encoder.cropLayers();
  }

  /** What stands for an image in the prompt; the caller closes it. */
  Tensor embeddings(String image) {
    Tensor embeddings = kernels.allocate(layout(image).tokens(), decoder.hiddenSize());
    encode(image, Progress.ofVision(Progress.SILENT, Integer.MAX_VALUE), embeddings);
    return embeddings;
  }

  /** Writes what stands for an image; see {@link ImageEncoder#encode}. */
  void encode(String image, Progress progress, Tensor out) {
    encoder.encode(pixels(image), layout(image), progress, out);
  }

  /**
   * A prompt of the reference, its images as long as a plan's cuts before the decoder leave them.
   */
  Prompt prompt(String name, PruningPlan plan) {
    Prompt whole = prompt(name);
    int[] ids = whole.ids();
    IntStream.Builder words = IntStream.builder();
    for (int row = 0; row < ids.length; row++) {
      int at = row;
      boolean begins = whole.images().stream().anyMatch(image -> image.start() == at);
      boolean inside =
          whole.images().stream()
              .anyMatch(image -> at > image.start() && at < image.start() + image.count());
      if (!inside) {
        words.add(begins ? config.imageTokenId() : ids[row]);
      }
    }
    List<ImageLayout> layouts = pictures(name).stream().map(this::layout).toList();
    return Prompt.of(words.build().toArray(), config.imageTokenId(), layouts, plan);
  }

  /** The names of a prompt's pictures. */
  List<String> pictures(String prompt) {
    return fixture
        .json()
        .get("prompts")
        .get(prompt)
        .get("pictures")
        .valueStream()
        .map(JsonNode::asString)
        .toList();
  }

  /** A runner for a prompt, its images in it as cuts in the vision tower leave them. */
  SequenceRunner runner(String prompt, PruningPlan plan, int further) {
    SequenceRunner runner =
        new SequenceRunner(
            kernels, decoder, SequenceRunner.Shape.of(prompt(prompt, plan), plan, further));
    List<String> pictures = pictures(prompt);
    Progress silent = Progress.ofVision(Progress.SILENT, Integer.MAX_VALUE);
    for (int i = 0; i < pictures.size(); i++) {
      String image = pictures.get(i);
      Tensor out = runner.imageEmbeddings().get(i);
      if (runner.imageCuts().isEmpty()) {
        encode(image, silent, out);
      } else {
        encoder.encode(pixels(image), layout(image), runner.imageCuts().get(i), silent, out);
      }
    }
    return runner;
  }

  /** What the projector makes of features. */
  float[] projected(float[] features) {
    int rows = features.length / tower.columns();
    try (Tensor in = kernels.allocate(rows, tower.columns());
        Tensor out = kernels.allocate(rows, decoder.hiddenSize())) {
      kernels.upload(features, in);
      encoder.projector().project(in, out);
      return kernels.download(out);
    }
  }

  Prompt prompt(String name) {
    int[] expanded = ints(name + ".inputIds");
    List<Prompt.Span> images = new ArrayList<>();
    for (JsonNode span : fixture.json().get("prompts").get(name).get("imageSpans")) {
      images.add(new Prompt.Span(span.get("start").asInt(), span.get("length").asInt()));
    }
    return new Prompt(expanded, images);
  }

  int[] ints(String tensor) {
    return fixture.ints(tensor).stream().mapToInt(Integer::intValue).toArray();
  }

  /** Embeddings of a prompt's images, from the reference's pixels; the caller closes them. */
  List<Tensor> images(String prompt) {
    List<Tensor> images = new ArrayList<>();
    for (JsonNode image : fixture.json().get("prompts").get(prompt).get("pictures")) {
      images.add(embeddings(image.asString()));
    }
    return images;
  }

  /** The embedded prompt, from the reference's pixels. */
  Tensor merged(String prompt) {
    List<Tensor> images = images(prompt);
    Prompt expanded = prompt(prompt);
    assertThat(images).hasSize(expanded.images().size());
    try (Indices ids = kernels.indices(expanded.ids())) {
      return decoder.embedPrompt(ids, expanded.images(), images);
    } finally {
      images.forEach(Tensor::close);
    }
  }

  /** A prompt on its way through the layers. */
  Run run(String prompt, PruningPlan plan, int further) {
    return new Run(this, prompt, plan.schedule(config.text().layers()), further);
  }

  @Override
  public void close() {
    decoder.close();
    encoder.close();
    tower.close();
    store.close();
    kernels.close();
    checkpoint.close();
    fixture.close();
  }

  /** What one prompt needs, its operations started one by one. */
  static final class Run implements AutoCloseable {
    final FixtureParts parts;
    final Schedule schedule;
    final KeptRows kept;
    private final KeyValueCache cache;
    private final Sequence sequence;
    private final NextToken next;
    private final Tensor logits;

    Run(FixtureParts parts, String promptName, Schedule schedule, int further) {
      this.parts = parts;
      this.schedule = schedule;
      Prompt prompt = parts.prompt(promptName);
      kept = new KeptRows(parts.kernels, schedule, prompt);
      cache = parts.decoder.allocateCache(prompt, schedule, further);
      sequence = new Sequence(parts.kernels, schedule, kept, parts.merged(promptName));
      next = new NextToken(parts.kernels, schedule);
      logits = parts.kernels.allocate(DType.FLOAT32, 1, parts.decoder.vocabulary());
    }

    List<Stage> stages() {
      return Stage.of(schedule, kept.imageTokens());
    }

    float[] hidden() {
      return parts.kernels.download(sequence.hidden());
    }

    float[] prefill(IntConsumer progress) {
      parts.decoder.prefill(sequence, 0, schedule, cache, progress, logits);
      return parts.kernels.download(logits);
    }

    float[] decode(int token, int before) {
      parts.kernels.upload(new int[] {token}, next.id());
      int[] lengths = IntStream.range(0, schedule.stages()).map(kept::length).toArray();
      next.moveTo(lengths, before);
      parts.decoder.decode(List.of(new Decoder.Step(next, schedule, cache, logits)));
      return parts.kernels.download(logits);
    }

    @Override
    public void close() {
      sequence.close();
      kept.close();
      cache.close();
      next.close();
      logits.close();
    }
  }
}
