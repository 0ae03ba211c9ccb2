package org.pyramiddrop.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.cuda.TestGpu;
import org.pyramiddrop.training.model.LoraSettings;
import org.pyramiddrop.training.model.ModelPart;
import org.pyramiddrop.training.model.NamedParameter;
import org.pyramiddrop.training.model.Optimizer;
import org.pyramiddrop.training.model.TrainedModel;
import org.pyramiddrop.training.model.TrainedSample;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** Training on a GPU, or on the emulated one, against the CPU and against itself. */
class CudaTrainingTest {
  private static final String FIXTURE = "gqa-float32-sharded-oldnames";

  @BeforeAll
  static void useTheGpu() {
    TestGpu.prepare();
  }

  @AfterAll
  static void leaveTheGpu() {
    TestGpu.restore();
  }

  /** A loss, and the gradients of all parameters. */
  private record Gradients(double loss, Map<String, float[]> of) {}

  private static TrainedModel load(
      TrainingFixture fixture, Kernels kernels, Optional<LoraSettings> lora) {
    return fixture.load(
        kernels,
        new TrainedModel.Settings(
            EnumSet.allOf(ModelPart.class), lora, PruningPlan.pyramid(4, 0.5), false, 1));
  }

  private static float scale(List<TrainedSample> samples) {
    return 1f / samples.stream().mapToInt(TrainedSample::answerTokens).sum();
  }

  private static Gradients gradients(String device, DType dtype) {
    try (TrainingFixture fixture = new TrainingFixture(FIXTURE);
        Kernels kernels = Devices.open(device, 2, dtype);
        TrainedModel model = load(fixture, kernels, Optional.empty())) {
      List<TrainedSample> samples = fixture.samples();
      double loss = model.lossAndGradient(samples, fixture.imageToken(), scale(samples));
      Map<String, float[]> gradients = new LinkedHashMap<>();
      for (NamedParameter each : model.parameters()) {
        gradients.put(each.name(), kernels.download(each.parameter().gradient()));
      }
      return new Gradients(loss * scale(samples), gradients);
    }
  }

  @Test
  void gradientsAreThoseOfTheCpuAndTheSameBitsEachTime() {
    Gradients cpu = gradients("cpu", DType.FLOAT32);
    Gradients gpu = gradients("cuda", DType.FLOAT32);
    assertThat(gpu.loss / cpu.loss).isBetween(1 - 1e-5, 1 + 1e-5);
    double squares = 0;
    double off = 0;
    for (Map.Entry<String, float[]> tensor : cpu.of.entrySet()) {
      float[] other = Objects.requireNonNull(gpu.of.get(tensor.getKey()));
      for (int i = 0; i < other.length; i++) {
        double difference = (double) other[i] - tensor.getValue()[i];
        off += difference * difference;
        squares += (double) other[i] * other[i];
      }
    }
    assertThat(Math.sqrt(off / squares)).isLessThan(1e-5);
    Gradients again = gradients("cuda", DType.FLOAT32);
    gpu.of.forEach((name, values) -> assertThat(again.of.get(name)).as(name).isEqualTo(values));
  }

  /** The loss of a sample before each of five steps. */
  private static List<Double> losses(Optional<LoraSettings> lora, float rate) {
    try (TrainingFixture fixture = new TrainingFixture(FIXTURE);
        Kernels kernels = Devices.open("cuda", 2, DType.BFLOAT16);
        TrainedModel model = load(fixture, kernels, lora)) {
      List<TrainedSample> samples = fixture.samples().subList(0, 1);
      Optimizer optimizer =
          new Optimizer(
              kernels.gradients(),
              model.parameters(),
              Optimizer.Settings.withWeightDecay(0),
              Double.POSITIVE_INFINITY);
      List<Double> losses = new ArrayList<>();
      for (int step = 1; step <= 5; step++) {
        optimizer.clearGradients();
        losses.add(
            scale(samples) * model.lossAndGradient(samples, fixture.imageToken(), scale(samples)));
        optimizer.step(step, optimizer.gradientNorm(), _ -> rate);
      }
      return losses;
    }
  }

  @Test
  void learnsInBfloat16() {
    List<Double> losses = losses(Optional.empty(), 3e-3f);
    assertThat(losses.getLast()).isLessThan(losses.getFirst() / 2);
  }

  @Test
  void learnsALora() {
    LoraSettings lora = new LoraSettings(4, 8, EnumSet.allOf(LoraSettings.Target.class));
    List<Double> losses = losses(Optional.of(lora), 3e-3f);
    assertThat(losses.getLast()).isLessThan(losses.getFirst() / 2);
  }
}
