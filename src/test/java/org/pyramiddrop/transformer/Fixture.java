package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.SafetensorsFile;
import org.pyramiddrop.loader.StoredTensor;
import org.pyramiddrop.transformer.pruning.Depth;
import org.pyramiddrop.transformer.pruning.DropPoint;
import org.pyramiddrop.transformer.pruning.Keep;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Ranking;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** One small checkpoint and what PyTorch made of it; src/test/fixtures says how. */
final class Fixture implements AutoCloseable {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

  private final Path root;
  private final Path folder;
  private final JsonNode json;
  private final SafetensorsFile tensors;

  Fixture(String name) {
    try {
      root =
          Path.of(
              Objects.requireNonNull(Fixture.class.getResource("/fixtures"), "fixtures").toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
    folder = root.resolve(name);
    json = JsonMapper.shared().readTree(folder.resolve("reference.json").toFile());
    tensors = SafetensorsFile.open(folder.resolve("reference.safetensors"));
  }

  static List<String> names() {
    return List.of(
        "mha-float32",
        "gqa-bfloat16-sharded",
        "mha-float16",
        "gqa-float32-sharded-oldnames",
        "next-vicuna-float32",
        "next-mistral-bfloat16-sharded",
        "next-llama3-float16");
  }

  Path folder() {
    return folder;
  }

  boolean has(String tensor) {
    return tensors.contains(tensor);
  }

  float[] floats(String tensor) {
    return floats(tensors, tensor);
  }

  static float[] floats(SafetensorsFile file, String tensor) {
    StoredTensor t = file.tensor(tensor);
    float[] out = new float[Math.toIntExact(t.elements())];
    for (int i = 0; i < out.length; i++) {
      out[i] = t.number(i);
    }
    return out;
  }

  /** An image's part of the tensors that there are for each; LLaVA-1.5 has them all in one. */
  float[] floats(String kind, String image) {
    if (has(kind + "." + image)) {
      return floats(kind + "." + image);
    }
    float[] all = floats(kind);
    int index = images().indexOf(image);
    int size = all.length / images().size();
    return Arrays.copyOfRange(all, index * size, (index + 1) * size);
  }

  List<Integer> ints(String tensor) {
    StoredTensor t = tensors.tensor(tensor);
    return IntStream.range(0, Math.toIntExact(t.elements()))
        .mapToObj(i -> t.data().get(INT, 4L * i))
        .toList();
  }

  /** The names of all prompts' images. */
  List<String> images() {
    return json.get("pictures").propertyNames().stream().toList();
  }

  JsonNode json() {
    return json;
  }

  List<String> cases() {
    return json.get("cases").propertyNames().stream().toList();
  }

  JsonNode pruned(String name) {
    return json.get("cases").get(name);
  }

  /** What the reference says of cuts before the decoder. */
  CutFixture cuts() {
    return new CutFixture(folder);
  }

  /** A prompt of the reference as a raw question, so that the template is not what is tested. */
  Question question(String prompt) {
    JsonNode p = json.get("prompts").get(prompt);
    List<Image> images = new ArrayList<>();
    p.get("pictures").forEach(f -> images.add(Image.read(image(f.asString()))));
    return new Question(p.get("rendered").asString(), images, true);
  }

  Path image(String name) {
    return root.resolve("pictures").resolve(name.endsWith(".png") ? name : name + ".png");
  }

  List<Integer> tokens(JsonNode of) {
    return of.get("tokens").valueStream().map(JsonNode::asInt).toList();
  }

  PruningPlan plan(String name) {
    JsonNode c = pruned(name);
    List<DropPoint> drops = new ArrayList<>();
    for (JsonNode drop : c.get("drops")) {
      double ratio = Double.parseDouble(drop.get("ratio").asString());
      Keep keep =
          switch (drop.get("keepRule").asString()) {
            case "floorOfStage" -> new Keep.OfStage(ratio);
            case "floorOfOriginal" -> new Keep.OfOriginal(ratio);
            case "truncateOfOriginal" -> new Keep.OfOriginalInDouble(ratio);
            case "roundOfOriginal" -> new Keep.Rounded(ratio);
            default -> throw new AssertionError(drop.toString());
          };
      drops.add(new DropPoint(new Depth.AtLayer(drop.get("afterLayer").asInt()), keep));
    }
    return PruningPlan.ofDrops(
        drops,
        Ranking.valueOf(c.get("ranking").asString()),
        Positions.valueOf(c.get("positions").asString()));
  }

  /**
   * Element by element: within 1e-4 and, where that is asked, 1e-3 of the reference's deviation.
   */
  static void assertClose(String what, float[] actual, float[] expected, double tolerance) {
    assertThat(actual).as(what).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      if (!(Math.abs(actual[i] - expected[i]) <= tolerance)) {
        throw new AssertionError(
            "%s[%d] is %s, the reference %s".formatted(what, i, actual[i], expected[i]));
      }
    }
  }

  static double deviation(float[] x) {
    double mean = 0;
    for (float v : x) {
      mean += v / x.length;
    }
    double square = 0;
    for (float v : x) {
      square += (v - mean) * (v - mean) / x.length;
    }
    return Math.sqrt(square);
  }

  @Override
  public void close() {
    tensors.close();
  }
}
