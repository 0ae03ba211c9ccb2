package org.pyramiddrop.training;

import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.SafetensorsFile;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.training.model.TrainedModel;
import org.pyramiddrop.training.model.TrainedSample;
import org.pyramiddrop.transformer.engine.Engine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A small checkpoint, and what PyTorch's autograd made of it; training.py has made it. */
final class TrainingFixture implements AutoCloseable {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final Path root;
  private final Path folder;
  private final JsonNode json;
  private final List<String> pictures;
  private final SafetensorsFile reference;
  private final SafetensorsFile gradients;
  private final LlavaConfig config;
  private final Checkpoint checkpoint;

  TrainingFixture(String name) {
    try {
      root =
          Path.of(
              Objects.requireNonNull(TrainingFixture.class.getResource("/fixtures"), "fixtures")
                  .toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
    folder = root.resolve(name);
    json = JsonMapper.shared().readTree(folder.resolve("training.json").toFile());
    pictures =
        JsonMapper.shared()
            .readTree(folder.resolve("reference.json").toFile())
            .get("pictures")
            .propertyNames()
            .stream()
            .toList();
    reference = SafetensorsFile.open(folder.resolve("reference.safetensors"));
    gradients = SafetensorsFile.open(folder.resolve("training.safetensors"));
    config = LlavaConfig.read(folder);
    checkpoint = Checkpoint.open(folder);
  }

  Path folder() {
    return folder;
  }

  JsonNode json() {
    return json;
  }

  int imageToken() {
    return config.imageTokenId();
  }

  TrainedModel load(Kernels kernels, TrainedModel.Settings settings) {
    ModelDescription description = ModelDescription.of(config, checkpoint, checkpoint);
    return TrainedModel.load(description, checkpoint, checkpoint, kernels, settings);
  }

  /** The same model as inference has it. */
  Engine engine() {
    return Engine.load(
        ModelDescription.of(config, checkpoint, checkpoint),
        checkpoint,
        checkpoint,
        Optional.of(DType.FLOAT32),
        dtype -> Devices.open("cpu", 2, dtype));
  }

  /** The samples, with the pixels that PyTorch had. */
  List<TrainedSample> samples() {
    ImageProcessor processor = ImageProcessor.read(folder, config);
    List<TrainedSample> samples = new ArrayList<>();
    for (JsonNode sample : json.get("samples")) {
      List<ImageLayout> layouts = new ArrayList<>();
      List<List<Pixels>> crops = new ArrayList<>();
      for (JsonNode picture : sample.get("pictures")) {
        Image image = Image.read(root.resolve("pictures").resolve(picture.stringValue() + ".png"));
        layouts.add(processor.layout(image));
        crops.add(pixels(picture.stringValue()));
      }
      JsonNode own = sample.get("answer");
      boolean[] answer = new boolean[own.size()];
      for (int i = 0; i < answer.length; i++) {
        answer[i] = own.get(i).booleanValue();
      }
      int[] ids = sample.get("ids").valueStream().mapToInt(JsonNode::intValue).toArray();
      samples.add(new TrainedSample(ids, answer, layouts, crops));
    }
    return samples;
  }

  private List<Pixels> pixels(String picture) {
    float[] all;
    if (reference.contains("pixels." + picture)) {
      all = floats(reference, "pixels." + picture);
    } else {
      float[] every = floats(reference, "pixels");
      int size = every.length / pictures.size();
      int index = pictures.indexOf(picture);
      all = Arrays.copyOfRange(every, index * size, (index + 1) * size);
    }
    int side = config.vision().imageSize();
    int size = 3 * side * side;
    List<Pixels> crops = new ArrayList<>();
    for (int at = 0; at < all.length; at += size) {
      crops.add(new Pixels(3, side, side, Arrays.copyOfRange(all, at, at + size)));
    }
    return crops;
  }

  boolean hasGradient(String tensor) {
    return gradients.contains(tensor);
  }

  float[] gradient(String tensor) {
    return floats(gradients, tensor);
  }

  List<String> gradientNames() {
    return gradients.names().stream().sorted().toList();
  }

  private static float[] floats(SafetensorsFile file, String tensor) {
    StoredTensor t = file.tensor(tensor);
    float[] out = new float[Math.toIntExact(t.elements())];
    for (int i = 0; i < out.length; i++) {
      out[i] = t.data().get(FLOAT, 4L * i);
    }
    return out;
  }

  @Override
  public void close() {
    reference.close();
    gradients.close();
    checkpoint.close();
  }
}
