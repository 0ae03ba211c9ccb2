package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import org.pyramiddrop.cuda.Context;

/**
 * The GPU that model tests run on, from {@link #prepare} to {@link #close}: with {@code
 * -Dpyramiddrop.gpu=real} the machine's own, else the emulated one that {@code make emulation}
 * builds.
 */
final class TestGpu implements AutoCloseable {
  private static final boolean REAL = "real".equals(System.getProperty("pyramiddrop.gpu"));
  private static final String DRIVER = "libcuda-emulated.so";

  private final Map<String, String> before = new LinkedHashMap<>();

  /** Makes the backend find the emulation, unless a GPU is asked for. */
  void prepare() {
    if (!REAL) {
      set("pyramiddrop.cuda.driver", library(DRIVER).toString());
      set("pyramiddrop.cuda.cublasLt", library("libcublasLt-emulated.so").toString());
      set("pyramiddrop.cuda.kernels", image().toString());
    }
  }

  /** Whether it is a GPU, and not the emulation. */
  static boolean isReal() {
    return REAL;
  }

  private void set(String property, String value) {
    before.put(property, System.getProperty(property, ""));
    System.setProperty(property, value);
  }

  /** What the emulated driver takes for compiled kernels; its own are linked in. */
  private static Path image() {
    try {
      Path file = Files.createTempFile("kernels", ".emulated");
      file.toFile().deleteOnExit();
      return Files.writeString(file, "emulated");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path library(String name) {
    Path folder = Path.of(System.getProperty("pyramiddrop.emulated", "../../target/emulated"));
    Path file = folder.resolve(name).toAbsolutePath().normalize();
    assertThat(file).as("the emulated CUDA libraries; run make emulation").exists();
    return file;
  }

  /** Device memory that nobody has taken. */
  long freeBytes() {
    try (Context context = Context.open(0)) {
      return context.freeBytes();
    }
  }

  /** What the driver has handed out and not taken back; only the emulation tells. */
  long liveHandles() {
    if (REAL) {
      return 0;
    }
    SymbolLookup driver = SymbolLookup.libraryLookup(library(DRIVER), Arena.global());
    try {
      return (long)
          Linker.nativeLinker()
              .downcallHandle(
                  driver.findOrThrow("emulated_live_handles"),
                  FunctionDescriptor.of(ValueLayout.JAVA_LONG))
              .invokeExact();
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a native function throws nothing", e);
    }
  }

  /** Later tests find the machine as it is. */
  @Override
  public void close() {
    Properties properties = System.getProperties();
    before.forEach((property, value) -> {
      if (value.isEmpty()) {
        properties.remove(property);
      } else {
        properties.setProperty(property, value);
      }
    });
  }
}
