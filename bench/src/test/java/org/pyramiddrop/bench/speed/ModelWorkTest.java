package org.pyramiddrop.bench.speed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class ModelWorkTest {
  private static final ModelShape MODEL = ModelShape.LLAVA_7B;

  @ParameterizedTest
  @ValueSource(ints = {576, 288, 144, 72})
  void aLayerIsItsProductsAndItsCausalAttention(int image) {
    PromptShape prompt = ModelWork.prompt(image);
    int n = image + 60;
    double products =
        4 * new Product(n, 4096, 4096).flops() + 3 * new Product(n, 4096, 11008).flops();
    double attention = 2 * 2.0 * 4096 * n * (n + 1) / 2;
    assertThat(ModelWork.layer(MODEL, prompt)).isCloseTo(products + attention, within(1.0));
  }

  @Test
  void layersAddUpToThePyramid() {
    // 16 layers, drops after 4, 8 and 12: three layers inside each stage and one at its end, and no
    // layer after the
    // last drop but the model's last ends differently.
    PruningPlan plan = PruningPlan.pyramid(4, 0.5);
    double sum = 0;
    for (int image : new int[] {576, 288, 144}) {
      PromptShape prompt = ModelWork.prompt(image);
      sum += 3 * ModelWork.layer(MODEL, prompt) + ModelWork.layerBeforeDrop(MODEL, prompt);
    }
    PromptShape last = ModelWork.prompt(72);
    sum += 3 * ModelWork.layer(MODEL, last);
    sum += ModelWork.prefill(MODEL, 1, PruningPlan.none(), last);
    double counted =
        new FlopCounter(ModelWork.with(MODEL, 16), plan.schedule(16))
            .prefill(ModelWork.prompt(576));
    assertThat(sum).isCloseTo(counted, within(counted * 1e-12));
  }

  @Test
  void aDecodeStepReadsEveryWeightAndEveryKey() {
    double layer = 4.0 * 4096 * 4096 + 3.0 * 4096 * 11008;
    double head = 4096.0 * 32064;
    double keyValues = 2.0 * 32 * 101 * 4096;
    PromptShape prompt = PromptShape.of(20, 60, 1, 20);
    assertThat(
            ModelWork.decodeStepBytes(
                MODEL, PruningPlan.none(), prompt, DType.BFLOAT16, DType.FLOAT32))
        .isCloseTo(2 * (32 * layer + head) + 4 * keyValues, within(1.0));
  }

  @Test
  void theTableOfAWholeDecoderIsTheCounters() {
    PromptShape prompt = new PromptShape(List.of(30, 30), List.of(576), 1);
    assertThat(ModelWork.prefill(MODEL, 32, PruningPlan.none(), prompt))
        .isEqualTo(new FlopCounter(MODEL, PruningPlan.none().schedule(32)).prefill(prompt));
  }
}
