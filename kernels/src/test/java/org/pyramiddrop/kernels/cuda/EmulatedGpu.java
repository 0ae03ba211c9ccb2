package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The emulated driver with a context, a stream and the kernels' module, called function by function
 * so that nothing stands between a test and what it tests. Handles and device addresses are longs.
 */
final class EmulatedGpu implements AutoCloseable {
  static final int INVALID_VALUE = 1;
  static final int OUT_OF_MEMORY = 2;
  static final int INVALID_CONTEXT = 201;
  static final int INVALID_HANDLE = 400;
  static final int ILLEGAL_ADDRESS = 700;
  static final int LAUNCH_OUT_OF_RESOURCES = 701;
  static final int MISALIGNED_ADDRESS = 716;
  static final int LAUNCH_FAILED = 719;
  static final int CAPTURE_UNSUPPORTED = 900;
  static final int CAPTURE_INVALIDATED = 901;

  private static final int NON_BLOCKING = 1;

  private final Arena arena = Arena.ofConfined();
  private final SymbolLookup driver;
  private final SymbolLookup products;
  private final MemorySegment result = arena.allocate(8);
  private final long stream;
  private final long module;

  EmulatedGpu(long seed) {
    driver = SymbolLookup.libraryLookup(Emulated.driver(), Arena.global());
    products = SymbolLookup.libraryLookup(Emulated.cublasLt(), Arena.global());
    hook("emulated_reset");
    hook("emulated_quiet", 1);
    hook("emulated_seed", seed);
    check("cuInit", 0);
    check("cuDevicePrimaryCtxRetain", result, 0);
    check("cuCtxSetCurrent", result.get(ValueLayout.JAVA_LONG, 0));
    stream = create("cuStreamCreate", NON_BLOCKING);
    check("cuModuleLoadData", result, arena.allocateFrom("emulated"));
    module = result.get(ValueLayout.JAVA_LONG, 0);
  }

  long stream() {
    return stream;
  }

  long module() {
    return module;
  }

  MemorySegment host(long bytes) {
    return arena.allocate(bytes, 16);
  }

  /** Calls a function of the driver or of cuBLASLt and returns its status. */
  int call(String function, Object... arguments) {
    return (int) invoke(function, ValueLayout.JAVA_INT, arguments);
  }

  /** Calls a function that has to succeed. */
  void check(String function, Object... arguments) {
    int status = call(function, arguments);
    assertThat(status).as("%s: %s", function, error()).isZero();
  }

  /** Calls a function whose first argument is where it puts a handle, and returns that. */
  long create(String function, Object... others) {
    List<Object> arguments = new ArrayList<>(Arrays.asList(others));
    arguments.addFirst(result);
    check(function, arguments.toArray());
    return result.get(ValueLayout.JAVA_LONG, 0);
  }

  void hook(String function, Object... arguments) {
    invoke(function, null, arguments);
  }

  long count(String function) {
    return (long) invoke(function, ValueLayout.JAVA_LONG);
  }

  /** What the emulation says went wrong. */
  String error() {
    MemorySegment text = (MemorySegment) invoke("emulated_error", ValueLayout.ADDRESS);
    return text.reinterpret(Long.MAX_VALUE).getString(0);
  }

  long allocate(long bytes) {
    return create("cuMemAlloc_v2", bytes);
  }

  MemorySegment pinned(long bytes) {
    return MemorySegment.ofAddress(create("cuMemHostAlloc", bytes, 0)).reinterpret(bytes);
  }

  /** Device memory with these numbers, there when the stream gets to it. */
  long upload(int... numbers) {
    long address = allocate(4L * numbers.length);
    MemorySegment from = host(4L * numbers.length);
    MemorySegment.copy(numbers, 0, from, ValueLayout.JAVA_INT, 0, numbers.length);
    check("cuMemcpyHtoDAsync_v2", address, from, from.byteSize(), stream);
    return address;
  }

  /** Waits for the stream and returns numbers from device memory. */
  int[] download(long address, int count) {
    MemorySegment to = host(4L * count);
    check("cuMemcpyDtoHAsync_v2", to, address, to.byteSize(), stream);
    check("cuStreamSynchronize", stream);
    return to.toArray(ValueLayout.JAVA_INT);
  }

  long function(String kernel) {
    return create("cuModuleGetFunction", module, arena.allocateFrom(kernel));
  }

  /** Launches one block of a planted kernel and returns the status. */
  int launch(String kernel, long in, long out, int count, int threads, int sharedBytes) {
    return launch(function(kernel), arguments(in, out, count), threads, sharedBytes);
  }

  int launch(long function, MemorySegment arguments, int threads, int sharedBytes) {
    return launch(function, arguments, 1, threads, sharedBytes);
  }

  int launch(long function, MemorySegment arguments, int blocks, int threads, int sharedBytes) {
    MemorySegment parameters = arena.allocateFrom(ValueLayout.ADDRESS, arguments);
    return call(
        "cuLaunchKernel",
        function,
        blocks,
        1,
        1,
        threads,
        1,
        1,
        sharedBytes,
        stream,
        parameters,
        MemorySegment.NULL);
  }

  /** The struct that planted kernels take. */
  MemorySegment arguments(long in, long out, int count) {
    MemorySegment arguments = host(24);
    arguments.set(ValueLayout.JAVA_LONG, 0, in);
    arguments.set(ValueLayout.JAVA_LONG, 8, out);
    arguments.set(ValueLayout.JAVA_INT, 16, count);
    return arguments;
  }

  private Object invoke(String function, @Nullable MemoryLayout returned, Object... arguments) {
    MemorySegment address =
        (function.contains("ublas") ? products : driver).find(function).orElseThrow();
    MemoryLayout[] types =
        Arrays.stream(arguments).map(EmulatedGpu::layout).toArray(MemoryLayout[]::new);
    FunctionDescriptor type =
        returned == null
            ? FunctionDescriptor.ofVoid(types)
            : FunctionDescriptor.of(returned, types);
    try {
      Object value =
          Linker.nativeLinker().downcallHandle(address, type).invokeWithArguments(arguments);
      return value == null ? 0 : value;
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a native function throws nothing", e);
    }
  }

  private static MemoryLayout layout(Object argument) {
    return switch (argument) {
      case Byte b -> ValueLayout.JAVA_BYTE;
      case Integer i -> ValueLayout.JAVA_INT;
      case Long l -> ValueLayout.JAVA_LONG;
      case MemorySegment s -> ValueLayout.ADDRESS;
      default -> throw new IllegalArgumentException("no native type for " + argument);
    };
  }

  /** Leaves nothing behind for the next test, whatever state this one left. */
  @Override
  public void close() {
    hook("emulated_reset");
    arena.close();
  }
}
