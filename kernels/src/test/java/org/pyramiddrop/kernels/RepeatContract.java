package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

/** Results depend on the inputs alone. */
interface RepeatContract extends ContractPart {
  @Test
  default void givesTheSameBitsWhateverRanBefore() {
    Map<String, float[]> first = AllOperations.of(kernels(), "small", 1);
    if (RandomData.large()) {
      AllOperations.of(kernels(), "large", 2);
    }
    Map<String, float[]> again = AllOperations.of(kernels(), "small", 1);
    assertThat(again.keySet()).isEqualTo(first.keySet());
    again.forEach((what, bits) -> assertThat(bits).as(what).isEqualTo(first.get(what)));
  }
}
