package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The GPU that tests run on: an emulated one, which {@code make emulation} builds, or with {@code
 * -Dpyramiddrop.gpu=real} the machine's own.
 */
public final class TestGpu {
  private static final boolean REAL = "real".equals(System.getProperty("pyramiddrop.gpu"));

  private TestGpu() {}

  /** Whether it is a GPU, and not the emulation. */
  public static boolean isReal() {
    return REAL;
  }

  /** Makes the backend find the emulation, unless a GPU is asked for. */
  public static void prepare() {
    if (REAL) {
      return;
    }
    Path driver = library("libcuda-emulated.so");
    System.setProperty("pyramiddrop.cuda.driver", driver.toString());
    System.setProperty("pyramiddrop.cuda.cublasLt", library("libcublasLt-emulated.so").toString());
    System.setProperty(CudaBackend.KERNELS_PROPERTY, IMAGE.toString());
  }

  /** What the emulated driver takes for compiled kernels; its own are linked in. */
  private static final Path IMAGE = image();

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
    Path folder =
        Path.of(
            System.getProperty(
                "pyramiddrop.emulated", root().resolve("target/emulated").toString()));
    Path file = folder.resolve(name).toAbsolutePath();
    assertThat(file).as("the emulated CUDA libraries; run make emulation").exists();
    return file;
  }

  private static Path root() {
    Path folder = Path.of("").toAbsolutePath();
    while (!Files.exists(folder.resolve("kernels/src/main/cuda")) && folder.getParent() != null) {
      folder = folder.getParent();
    }
    return folder;
  }

  /** Calls one of the emulated driver's hooks, which takes and returns longs or ints. */
  public static long hook(String name, Number... arguments) {
    MemoryLayout[] types =
        Arrays.stream(arguments)
            .map(a -> a instanceof Integer ? ValueLayout.JAVA_INT : ValueLayout.JAVA_LONG)
            .toArray(MemoryLayout[]::new);
    SymbolLookup library =
        SymbolLookup.libraryLookup(library("libcuda-emulated.so"), Arena.global());
    MemorySegment address = library.findOrThrow(name);
    try {
      return (long)
          Linker.nativeLinker()
              .downcallHandle(address, FunctionDescriptor.of(ValueLayout.JAVA_LONG, types))
              .invokeWithArguments((Object[]) arguments);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a native function throws nothing", e);
    }
  }
}
