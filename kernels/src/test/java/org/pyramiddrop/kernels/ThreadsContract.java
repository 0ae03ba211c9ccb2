package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a device has to hold that shares its work out among threads. */
public interface ThreadsContract extends ContractPart {
  /** The device, of so many threads. */
  Kernels open(int threads);

  /** What its operations give, by name. */
  default Map<String, float[]> results(Kernels kernels) {
    return AllOperations.of(kernels, "threads", 1);
  }

  @Test
  default void givesTheSameBitsOnAnyNumberOfThreads() {
    try (Kernels alone = open(1);
        Kernels three = open(3)) {
      Map<String, float[]> expected = results(alone);
      for (Kernels kernels : List.of(device().kernels(), three)) {
        results(kernels)
            .forEach((what, bits) -> assertThat(bits).as(what).isEqualTo(expected.get(what)));
      }
    }
  }
}
