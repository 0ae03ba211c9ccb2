package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pyramiddrop.cuda.bindings.cublasLt_h;
import org.pyramiddrop.cuda.bindings.cuda_h;

/** Turns what a native function returned into a {@link CudaException}. */
final class Status {
  private Status() {}

  /** Throws unless a driver function succeeded. */
  static void check(int result, String call) {
    if (result != cuda_h.CUDA_SUCCESS()) {
      throw driverFailure(result, call, "");
    }
  }

  /** Throws unless a cuBLASLt function succeeded. */
  static void checkCublas(int status, String call) {
    if (status != cublasLt_h.CUBLAS_STATUS_SUCCESS()) {
      throw cublasFailure(status, call, "");
    }
  }

  /** A driver function's failure, with what was asked for in words, or nothing. */
  static CudaException driverFailure(int result, String call, String asked) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pointer = arena.allocate(ValueLayout.ADDRESS);
      cuda_h.cuGetErrorName(result, pointer);
      String name = orElse(CString.pointedToBy(pointer), "error " + result);
      pointer.set(ValueLayout.ADDRESS, 0, MemorySegment.NULL);
      cuda_h.cuGetErrorString(result, pointer);
      String words = orElse(CString.pointedToBy(pointer), "the driver says no more");
      return new CudaException(call, result, name, asked.isEmpty() ? words : words + ", " + asked);
    }
  }

  /** A cuBLASLt function's failure, with what was asked for in words, or nothing. */
  static CudaException cublasFailure(int status, String call, String asked) {
    MemorySegment name = cublasLt_h.cublasLtGetStatusName(status);
    MemorySegment words = cublasLt_h.cublasLtGetStatusString(status);
    String text = words.address() == 0 ? "cuBLASLt says no more" : CString.of(words);
    return new CudaException(
        call,
        status,
        name.address() == 0 ? "status " + status : CString.of(name),
        asked.isEmpty() ? text : text + ", " + asked);
  }

  private static String orElse(String text, String otherwise) {
    return text.isEmpty() ? otherwise : text;
  }
}
