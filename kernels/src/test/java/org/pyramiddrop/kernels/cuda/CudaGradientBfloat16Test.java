package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.AllGradients;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;

class CudaGradientBfloat16Test extends CudaGradientContract {
  CudaGradientBfloat16Test() {
    super(DType.BFLOAT16);
  }

  @Test
  void givesTheSameGradientsWithMemoryThatIsUsedAgain() {
    try (Kernels again = open(CudaOptions.defaults())) {
      Map<String, float[]> expected = AllGradients.of(device().kernels(), "memory", 1);
      AllGradients.of(again, "memory", 1)
          .forEach((what, bits) -> assertThat(bits).as(what).isEqualTo(expected.get(what)));
    }
  }
}
