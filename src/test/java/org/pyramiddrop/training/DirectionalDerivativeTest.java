package org.pyramiddrop.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.BiConsumer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Parameter.Content;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.training.model.ModelPart;
import org.pyramiddrop.training.model.NamedParameter;
import org.pyramiddrop.training.model.TrainedModel;
import org.pyramiddrop.training.model.TrainedSample;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * Gradients of checkpoints that no reference was made for: along the gradient, the loss changes as
 * its norm says. Samples have one image, none, and two; tokens are dropped down to none.
 */
class DirectionalDerivativeTest {
  private static final Path FIXTURES = Path.of("resources", "fixtures");

  private static List<TrainedSample> samples(Path folder, LlavaConfig config) {
    ImageProcessor processor = ImageProcessor.read(folder, config);
    Random random = new Random(5);
    List<TrainedSample> samples = new ArrayList<>();
    for (List<String> pictures :
        List.of(List.of("wide"), List.<String>of(), List.of("upright", "wide"))) {
      List<ImageLayout> layouts = new ArrayList<>();
      List<List<Pixels>> crops = new ArrayList<>();
      int text = 9 + random.nextInt(5);
      int[] ids =
          // All tokenizers of the fixtures have these; rows behind them may be zeros.
          random.ints(text + pictures.size(), 3, 28).toArray();
      for (int i = 0; i < ids.length; i++) {
        ids[i] += ids[i] == config.imageTokenId() ? 1 : 0;
      }
      for (int i = 0; i < pictures.size(); i++) {
        Image image = Image.read(FIXTURES.resolve("pictures").resolve(pictures.get(i) + ".png"));
        layouts.add(processor.layout(image));
        crops.add(processor.process(image));
        ids[1 + i] = config.imageTokenId();
      }
      boolean[] answer = new boolean[ids.length];
      answer[ids.length - 1] = true;
      answer[ids.length - 2] = true;
      answer[ids.length - 4] = true;
      samples.add(new TrainedSample(ids, answer, layouts, crops));
    }
    return samples;
  }

  private static TrainedModel load(
      LlavaConfig config, Checkpoint checkpoint, Kernels kernels, Set<ModelPart> parts) {
    int layers = config.text().layers();
    PruningPlan plan = PruningPlan.explicit(List.of(1, layers - 1), List.of(0.5, 0.0));
    return TrainedModel.load(
        ModelDescription.of(config, checkpoint, checkpoint),
        checkpoint,
        checkpoint,
        kernels,
        new TrainedModel.Settings(parts, Optional.empty(), plan, true, 1));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mha-float16", // tied embeddings, the class token kept, images that touch
        "gqa-bfloat16-sharded",
        "next-mistral-bfloat16-sharded",
        "next-llama3-float16"
      })
  void theLossChangesAlongTheGradientAsItsNormSays(String name) {
    Path folder = FIXTURES.resolve(name);
    LlavaConfig config = LlavaConfig.read(folder);
    try (Checkpoint checkpoint = Checkpoint.open(folder);
        Kernels kernels = Devices.open("cpu", 2, DType.FLOAT32);
        TrainedModel model = load(config, checkpoint, kernels, EnumSet.allOf(ModelPart.class))) {
      List<TrainedSample> samples = samples(folder, config);
      int token = config.imageTokenId();
      model.lossAndGradient(samples, token, 1);
      Map<NamedParameter, float[]> begin = new LinkedHashMap<>();
      Map<NamedParameter, float[]> gradients = new LinkedHashMap<>();
      double squares = 0;
      for (NamedParameter each : model.parameters()) {
        begin.put(each, kernels.gradients().download(each.parameter(), Content.VALUE));
        gradients.put(each, kernels.download(each.parameter().gradient()));
        squares += kernels.gradients().squaredNorm(each.parameter().gradient());
      }
      double norm = Math.sqrt(squares);
      double step = 2e-4;
      double[] losses = new double[2];
      for (int side = 0; side < 2; side++) {
        double along = (side == 0 ? step : -step) / norm;
        begin.forEach((parameter, values) -> {
          float[] gradient = Objects.requireNonNull(gradients.get(parameter));
          float[] moved = values.clone();
          for (int i = 0; i < moved.length; i++) {
            moved[i] += (float) (along * gradient[i]);
          }
          kernels.gradients().upload(moved, parameter.parameter(), Content.VALUE);
        });
        losses[side] = model.lossAndGradient(samples, token, 0);
      }
      assertThat((losses[0] - losses[1]) / (2 * step) / norm).isBetween(0.98, 1.02);
    }
  }

  /**
   * To the bit, among parts that leave the tower as it is for both: a frozen tower sums a patch's
   * numbers in another order than a trained one.
   */
  @ParameterizedTest
  @EnumSource(ModelPart.class)
  void aPartAloneHasTheGradientsThatItHasAmongOthers(ModelPart part) {
    Set<ModelPart> others = EnumSet.allOf(ModelPart.class);
    if (part != ModelPart.TOWER) {
      others.remove(ModelPart.TOWER);
    }
    compareAlone(part, others, (gradient, expected) -> assertThat(gradient).isEqualTo(expected));
  }

  @ParameterizedTest
  @EnumSource(ModelPart.class)
  void aPartAloneHasTheGradientsThatItHasAmongAll(ModelPart part) {
    compareAlone(
        part,
        EnumSet.allOf(ModelPart.class),
        (gradient, expected) -> {
          double error = 0;
          double norm = 0;
          for (int i = 0; i < expected.length; i++) {
            error += Math.pow(gradient[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
          }
          assertThat(Math.sqrt(error)).isLessThanOrEqualTo(1e-4 * Math.sqrt(norm));
        });
  }

  private static void compareAlone(
      ModelPart part, Set<ModelPart> parts, BiConsumer<float[], float[]> compare) {
    Path folder = FIXTURES.resolve("next-vicuna-float32");
    LlavaConfig config = LlavaConfig.read(folder);
    try (Checkpoint checkpoint = Checkpoint.open(folder);
        Kernels kernels = Devices.open("cpu", 2, DType.FLOAT32);
        TrainedModel all = load(config, checkpoint, kernels, parts);
        TrainedModel alone = load(config, checkpoint, kernels, Set.of(part))) {
      List<TrainedSample> samples = samples(folder, config);
      all.lossAndGradient(samples, config.imageTokenId(), 1);
      alone.lossAndGradient(samples, config.imageTokenId(), 1);
      Map<String, float[]> among = new LinkedHashMap<>();
      for (NamedParameter each : all.parameters()) {
        if (each.part() == part) {
          among.put(each.name(), kernels.download(each.parameter().gradient()));
        }
      }
      assertThat(alone.parameters()).hasSize(among.size());
      for (NamedParameter each : alone.parameters()) {
        compare.accept(
            kernels.download(each.parameter().gradient()),
            Objects.requireNonNull(among.get(each.name())));
      }
    }
  }
}
