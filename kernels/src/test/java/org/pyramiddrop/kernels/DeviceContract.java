package org.pyramiddrop.kernels;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.extension.ExtendWith;

/** A device that is opened for each test; what it has to hold stands in {@link ContractPart}s. */
@ExtendWith(SeedInMessage.class)
abstract class DeviceContract implements ContractPart {
  private @Nullable DeviceUnderTest device;

  /** Opens the kernels under test, anew for each test. */
  protected abstract Kernels open();

  /**
   * The error allowed, relative to the norm and to the sum of magnitudes behind each element;
   * beyond what storing a result rounds off.
   */
  protected double tolerance() {
    return 1e-5;
  }

  /**
   * How far an attention weight may be off before it meets the values, relative to itself: 0 where
   * it stays in float32, half a step of the type that it is rounded to elsewhere.
   */
  protected double weightTolerance() {
    return 0;
  }

  /**
   * What a product makes of activations before it multiplies them, besides its errors: the
   * activations, unless the device rounds them for weights of a type.
   *
   * @param inputs numbers of a row
   */
  protected float[] multiplied(DType weights, int inputs, float[] x) {
    return x;
  }

  /**
   * What a product of as many rows makes of weights in blocks before it multiplies them: the exact
   * values, unless the device rounds them.
   */
  protected float[] widened(int rows, float[] w) {
    return w;
  }

  /** The part of the cases that are worth their time here. */
  protected double share() {
    return 1;
  }

  @BeforeEach
  void openDevice(TestInfo test) {
    Kernels kernels = open();
    RandomData random = new RandomData(test.getDisplayName(), kernels.dtype(), share());
    device =
        new DeviceUnderTest(
            kernels, random, tolerance(), weightTolerance(), this::multiplied, this::widened);
  }

  @AfterEach
  void closeDevice() {
    device().close();
  }

  @Override
  public DeviceUnderTest device() {
    return Objects.requireNonNull(device);
  }
}
