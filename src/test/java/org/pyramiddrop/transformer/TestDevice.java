package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.Locale;
import java.util.function.UnaryOperator;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.cuda.TestGpu;

/** The device that model tests run on: the CPU, or what {@code -Dpyramiddrop.test.device} names. */
final class TestDevice {
  private static final String NAME = System.getProperty("pyramiddrop.test.device", "cpu");

  private TestDevice() {}

  static Kernels open(DType dtype) {
    prepare();
    return Devices.open(NAME, 2, dtype);
  }

  /** Options to load a model with on this device, weights and activations in float32. */
  static LoadOptions options() {
    prepare();
    return LoadOptions.defaults()
        .withBackend(Backend.valueOf(NAME.toUpperCase(Locale.ROOT)))
        .withDtype(WeightType.FLOAT32)
        .withThreads(2);
  }

  /** Loads a model in parts on this device, in float32. */
  static LoadedModel load(Path folder) {
    prepare();
    return new LoadedModel(folder, NAME, DType.FLOAT32, UnaryOperator.identity());
  }

  private static void prepare() {
    if (NAME.equals("cuda")) {
      TestGpu.prepare();
    }
  }
}
