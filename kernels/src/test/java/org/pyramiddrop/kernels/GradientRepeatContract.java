package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

/** Gradients depend on the inputs alone. */
interface GradientRepeatContract extends ContractPart {
  @Test
  default void givesTheSameGradientsWhateverRanBefore() {
    Map<String, float[]> first = AllGradients.of(kernels(), "small", 1);
    if (RandomData.large()) {
      AllGradients.of(kernels(), "large", 2);
    }
    Map<String, float[]> again = AllGradients.of(kernels(), "small", 1);
    assertThat(again.keySet()).isEqualTo(first.keySet());
    again.forEach((what, bits) -> assertThat(bits).as(what).isEqualTo(first.get(what)));
  }
}
