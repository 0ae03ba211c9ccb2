package org.pyramiddrop.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;

/** When kernels are compiled beforehand, and that they can be. */
final class WarmUpTest {
  /** A type that no other test of this module has so many weights of. */
  private static final DType TYPE = DType.FP8;

  @Test
  void beginsOnlyWhereADeviceHasManyWeightsOfAType() {
    try (Arena arena = Arena.ofConfined();
        CpuKernels few = new CpuKernels(1);
        CpuKernels many = new CpuKernels(1)) {
      int columns = 1 << 12;
      int rows = Math.toIntExact(WarmUp.LEAST_BYTES / columns) / 2;
      long bytes = TYPE.bytes(rows, columns);
      HostMatrix half = new HostMatrix(TYPE, arena.allocate(bytes), rows, columns);

      few.weight(List.of(half)).close();
      many.weight(List.of(half)).close();
      assertThat(WarmUp.started(Optional.of(TYPE))).isFalse();
      many.weight(List.of(half)).close();
      assertThat(WarmUp.started(Optional.of(TYPE))).isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource
  void weightsOfEachTypeCanBeMultiplied(DType weights) {
    WarmUp.run(Optional.of(weights));
  }
}
