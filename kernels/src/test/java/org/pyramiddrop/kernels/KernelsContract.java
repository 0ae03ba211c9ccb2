package org.pyramiddrop.kernels;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;

/**
 * What every implementation of {@link Kernels} has to hold; its tests stand in the interfaces, one
 * for each family of operations. An implementation's test extends this class and may override a
 * test of what the device does not offer.
 */
public abstract class KernelsContract
    implements MemoryContract,
        RowsContract,
        LinearContract,
        SwiGluContract,
        NormContract,
        NormProductContract,
        RotaryContract,
        AttentionContract,
        RankingContract,
        SamplingContract,
        RecordingContract,
        RefusalContract,
        RepeatContract {
  private @Nullable Device device;

  /** Opens the kernels under test, anew for each test. */
  protected abstract Kernels open();

  /**
   * The error allowed, relative to the norm and to the sum of magnitudes behind each element;
   * beyond what storing a result rounds off.
   */
  protected double tolerance() {
    return 1e-5;
  }

  @BeforeEach
  void openDevice(TestInfo test) {
    Kernels kernels = open();
    device = new Device(kernels, new Draw(test.getDisplayName(), kernels.dtype()), tolerance());
  }

  @AfterEach
  void closeDevice() {
    device().close();
  }

  @Override
  public Device device() {
    return Objects.requireNonNull(device);
  }
}
