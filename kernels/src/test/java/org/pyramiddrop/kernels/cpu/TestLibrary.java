package org.pyramiddrop.kernels.cpu;

import org.junit.jupiter.api.Assumptions;
import org.pyramiddrop.kernels.DeviceException;

/** The native library, for tests that need one. */
final class TestLibrary {
  private TestLibrary() {}

  /** Skips the test where there was no compiler, or the processor has nothing that it uses. */
  static NativeLibrary open() {
    NativeLibrary library;
    try {
      library = NativeLibrary.open();
    } catch (DeviceException e) {
      if (String.valueOf(e.getMessage()).startsWith(NativeLibrary.NOT_BUILT)) {
        Assumptions.abort("skipped: " + e.getMessage());
      }
      throw e;
    }
    Assumptions.assumeFalse(library.used().isEmpty(), "skipped: no AVX2 here");
    return library;
  }
}
