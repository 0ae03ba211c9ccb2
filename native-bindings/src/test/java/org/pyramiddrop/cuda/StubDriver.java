package org.pyramiddrop.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;
import java.util.List;

/**
 * The stub of driver and cuBLASLt that the bindings use in all tests of this JVM, and its controls.
 */
final class StubDriver {
  private static final class Loaded {
    private static final Path DRIVER = NativeStub.build("driver_stub", "libcuda.so.1");
    private static final Path CUBLAS = NativeStub.build("cublaslt_stub", "libcublasLt.so.13");
  }

  private final SymbolLookup driver = SymbolLookup.libraryLookup(Loaded.DRIVER, Arena.global());
  private final SymbolLookup cublas = SymbolLookup.libraryLookup(Loaded.CUBLAS, Arena.global());

  /** Makes the stubs the libraries that are found, and forgets what happened before. */
  StubDriver() {
    System.setProperty("pyramiddrop.cuda.driver", Loaded.DRIVER.toString());
    System.setProperty("pyramiddrop.cuda.cublasLt", Loaded.CUBLAS.resolveSibling("").toString());
    call(driver, "stub_reset", FunctionDescriptor.ofVoid());
  }

  /** Names of the calls since this was made, in order; questions are left out. */
  List<String> calls() {
    MemorySegment text = (MemorySegment) call(driver, "stub_calls", FunctionDescriptor.of(ADDRESS));
    String calls = text.reinterpret(Long.MAX_VALUE).getString(0).strip();
    return calls.isEmpty() ? List.of() : List.of(calls.split(" "));
  }

  /** How many driver objects are open, the primary context included. */
  int openHandles() {
    return (int) call(driver, "stub_open_handles", FunctionDescriptor.of(JAVA_INT));
  }

  /** The struct of the last launch. */
  MemorySegment arguments() {
    return ((MemorySegment) call(driver, "stub_arguments", FunctionDescriptor.of(ADDRESS)))
        .reinterpret(64);
  }

  /** Lets the next call of a name fail. */
  void fail(String name, int code) {
    try (Arena arena = Arena.ofConfined()) {
      call(
          driver,
          "stub_fail",
          FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT),
          arena.allocateFrom(name),
          code);
    }
  }

  /** Lets the capture under way have met something it can't capture. */
  void spoilCapture() {
    call(driver, "stub_spoil_capture", FunctionDescriptor.ofVoid());
  }

  /** How many objects of cuBLASLt are open. */
  int openDescriptors() {
    return (int) call(cublas, "lt_open_descriptors", FunctionDescriptor.of(JAVA_INT));
  }

  /** The preference of the last question for an algorithm. */
  MemorySegment asked() {
    return ((MemorySegment) call(cublas, "lt_asked", FunctionDescriptor.of(ADDRESS)))
        .reinterpret(32);
  }

  /** Whether cuBLASLt has an algorithm for what it is asked. */
  void support(boolean supported) {
    call(cublas, "lt_support", FunctionDescriptor.ofVoid(JAVA_INT), supported ? 1 : 0);
  }

  /** How much workspace an algorithm turns out to need when it is checked. */
  void wantWorkspace(long bytes) {
    call(cublas, "lt_want_workspace", FunctionDescriptor.ofVoid(JAVA_LONG), bytes);
  }

  /** Lets cuBLASLt's heuristic refuse whatever it is asked, with a status; 0 for not any more. */
  void refuse(int status) {
    call(cublas, "lt_refuse", FunctionDescriptor.ofVoid(JAVA_INT), status);
  }

  /** Which version cuBLASLt is, 0 for the one it was built as. */
  void cublasVersion(int version) {
    call(cublas, "lt_set_version", FunctionDescriptor.ofVoid(JAVA_INT), version);
  }

  /** What contexts opened from now on take the GPU for, 90 for 9.0. */
  void computeCapability(int capability) {
    call(driver, "stub_capability", FunctionDescriptor.ofVoid(JAVA_INT), capability);
  }

  private static Object call(
      SymbolLookup library, String name, FunctionDescriptor type, Object... arguments) {
    try {
      return Linker.nativeLinker()
          .downcallHandle(library.findOrThrow(name), type)
          .invokeWithArguments(arguments);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}
