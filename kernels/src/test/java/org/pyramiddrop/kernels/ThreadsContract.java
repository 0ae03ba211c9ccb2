package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a device has to hold that shares its work out among threads. */
public interface ThreadsContract extends ContractPart {
  /** The device, of so many threads. */
  Kernels open(int threads);

  @Test
  default void givesTheSameBitsOnAnyNumberOfThreads() {
    try (Kernels alone = open(1);
        Kernels three = open(3)) {
      Map<String, float[]> expected = AllOperations.of(alone, "threads", 1);
      for (Kernels kernels : List.of(device().kernels(), three)) {
        AllOperations.of(kernels, "threads", 1)
            .forEach((what, bits) -> assertThat(bits).as(what).isEqualTo(expected.get(what)));
      }
    }
  }
}
