package org.pyramiddrop.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Arrays;
import org.pyramiddrop.cuda.CudaStatus.Ready;
import org.pyramiddrop.cuda.CudaStatus.Unavailable;
import org.pyramiddrop.cuda.library.MissingLibraryException;
import org.pyramiddrop.cuda.library.NativeLibrary;

/**
 * Asks the driver what there is, through method handles of its own: the generated bindings can't
 * load without a driver.
 */
final class DriverProbe implements AutoCloseable {
  private static final int NO_DEVICE = 100;
  private static final int CAPABILITY_MAJOR = 75;
  private static final int CAPABILITY_MINOR = 76;
  private static final int NAME_BYTES = 256;
  private static final long OLDEST_CUBLAS = 12_00_00;

  private final SymbolLookup driver = NativeLibrary.DRIVER.open();
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment out = arena.allocate(JAVA_LONG);

  CudaStatus gpu(int ordinal) {
    int status = call("cuInit", 0);
    if (status != 0 && status != NO_DEVICE) {
      return new Unavailable(
          "the NVIDIA driver does not start: cuInit says %s; see nvidia-smi"
              .formatted(error(status)));
    }
    int gpus = status == NO_DEVICE || call("cuDeviceGetCount", out) != 0 ? 0 : out.get(JAVA_INT, 0);
    if (gpus == 0) {
      return new Unavailable("the NVIDIA driver is there but sees no GPU; see nvidia-smi");
    }
    if (ordinal < 0 || ordinal >= gpus) {
      return new Unavailable(
          "there is no GPU %d: the driver sees %d, counted from 0".formatted(ordinal, gpus));
    }
    return gpu(ordinal, integer("cuDeviceGet", out, ordinal));
  }

  private CudaStatus gpu(int ordinal, int device) {
    MemorySegment text = arena.allocate(NAME_BYTES);
    String name =
        call("cuDeviceGetName", text, NAME_BYTES, device) == 0 ? text.getString(0) : "unnamed";
    int capability =
        10 * integer("cuDeviceGetAttribute", out, CAPABILITY_MAJOR, device)
            + integer("cuDeviceGetAttribute", out, CAPABILITY_MINOR, device);
    if (capability < CudaDriver.MINIMUM_CAPABILITY) {
      return new Unavailable(
          "GPU %d, %s, is too old: its compute capability is %s and the kernels need %s"
              .formatted(
                  ordinal,
                  name,
                  CudaDriver.capabilityText(capability),
                  CudaDriver.capabilityText(CudaDriver.MINIMUM_CAPABILITY)));
    }
    int version = integer("cuDriverGetVersion", out);
    if (version < CudaDriver.MINIMUM_DRIVER) {
      return new Unavailable(
          "the NVIDIA driver is too old: it is for CUDA %s and the kernels need %s; install driver 580 or newer"
              .formatted(
                  CudaDriver.versionText(version),
                  CudaDriver.versionText(CudaDriver.MINIMUM_DRIVER)));
    }
    long bytes = call("cuDeviceTotalMem_v2", out, device) == 0 ? out.get(JAVA_LONG, 0) : 0;
    long cublas = cublasVersion();
    if (cublas < OLDEST_CUBLAS) {
      return new Unavailable(
          "cuBLASLt is too old: this one is version %d and 12 or newer is needed"
              .formatted(cublas / 1_00_00));
    }
    return new Ready(name, capability, bytes, version);
  }

  private static long cublasVersion() {
    SymbolLookup library = NativeLibrary.CUBLAS_LT.open();
    return (long)
        invoke(library, "cuBLASLt", "cublasLtGetVersion", FunctionDescriptor.of(JAVA_LONG));
  }

  /** What a function writes into {@link #out}, its first argument; 0 if it fails. */
  private int integer(String function, Object... arguments) {
    out.set(JAVA_INT, 0, 0);
    return call(function, arguments) == 0 ? out.get(JAVA_INT, 0) : 0;
  }

  private int call(String function, Object... arguments) {
    MemoryLayout[] types =
        Arrays.stream(arguments)
            .map(argument -> argument instanceof Integer ? JAVA_INT : ADDRESS)
            .toArray(MemoryLayout[]::new);
    return (int)
        invoke(driver, "driver", function, FunctionDescriptor.of(JAVA_INT, types), arguments);
  }

  private String error(int status) {
    MemorySegment pointer = arena.allocate(ADDRESS);
    return call("cuGetErrorString", status, pointer) == 0
        ? "%d (%s)".formatted(status, CString.pointedToBy(pointer))
        : String.valueOf(status);
  }

  private static Object invoke(
      SymbolLookup library,
      String title,
      String function,
      FunctionDescriptor type,
      Object... arguments) {
    MemorySegment address =
        library
            .find(function)
            .orElseThrow(() ->
                new MissingLibraryException(
                    "the %s library that was found has no function %s".formatted(title, function)));
    try {
      return Linker.nativeLinker().downcallHandle(address, type).invokeWithArguments(arguments);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a native function throws nothing", e);
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
