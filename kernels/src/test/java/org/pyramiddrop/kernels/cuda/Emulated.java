package org.pyramiddrop.kernels.cuda;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Where the emulated CUDA libraries are that {@code make emulation} builds: in the folder that the
 * system property {@code pyramiddrop.emulated} names, or else in {@code target/emulated} of the
 * project.
 */
public final class Emulated {
  private static final String FOLDER = "pyramiddrop.emulated";

  private Emulated() {}

  /** The driver, with the kernels in it. */
  public static Path driver() {
    return find(folder(), "libcuda-emulated.so");
  }

  public static Path cublasLt() {
    return find(folder(), "libcublasLt-emulated.so");
  }

  /** The driver with address and undefined-behaviour sanitizers in it. */
  static Path sanitizedDriver() {
    return find(sanitized() ? folder() : folder().resolve("sanitized"), "libcuda-emulated.so");
  }

  /** Whether the libraries in use have sanitizers, which end the process at the first fault. */
  static boolean sanitized() {
    return folder().endsWith("sanitized");
  }

  private static Path find(Path folder, String library) {
    Path file = folder.resolve(library);
    if (!Files.exists(file)) {
      throw new IllegalStateException("%s is not there: run make emulation".formatted(file));
    }
    return file;
  }

  private static Path folder() {
    String given = System.getProperty(FOLDER);
    return given != null ? Path.of(given).toAbsolutePath() : root().resolve("target/emulated");
  }

  private static Path root() {
    @Nullable Path folder = Path.of("").toAbsolutePath();
    while (folder != null && !Files.exists(folder.resolve("Makefile"))) {
      folder = folder.getParent();
    }
    if (folder == null) {
      throw new IllegalStateException(
          "run inside the project, or name the folder of the emulated libraries with -D" + FOLDER);
    }
    return folder;
  }
}
