package org.pyramiddrop.cuda;

import java.util.Set;

/** A call of the driver or of cuBLASLt failed; the message names it, the error and what to do. */
public final class CudaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** After these every further call of the driver fails too, whatever it asks for. */
  private static final Set<String> FATAL =
      Set.of(
          "CUDA_ERROR_ILLEGAL_ADDRESS",
          "CUDA_ERROR_LAUNCH_FAILED",
          "CUDA_ERROR_LAUNCH_TIMEOUT",
          "CUDA_ERROR_ASSERT",
          "CUDA_ERROR_HARDWARE_STACK_ERROR",
          "CUDA_ERROR_ILLEGAL_INSTRUCTION",
          "CUDA_ERROR_MISALIGNED_ADDRESS",
          "CUDA_ERROR_INVALID_ADDRESS_SPACE",
          "CUDA_ERROR_INVALID_PC",
          "CUDA_ERROR_ECC_UNCORRECTABLE",
          "CUDA_ERROR_NVLINK_UNCORRECTABLE",
          "CUDA_ERROR_CONTAINED",
          "CUDA_ERROR_EXTERNAL_DEVICE",
          "CUDA_ERROR_CONTEXT_IS_DESTROYED",
          "CUDA_ERROR_DEINITIALIZED",
          "CUDA_ERROR_UNKNOWN");

  private final String call;
  private final int code;
  private final String error;

  /**
   * A failed call.
   *
   * @param call the function
   * @param code what it returned
   * @param error the code's name
   * @param explanation the library's own words about it, and what was asked for
   */
  CudaException(String call, int code, String error, String explanation) {
    super("%s failed with %s: %s%s".formatted(call, error, explanation, hint(error)));
    this.call = call;
    this.code = code;
    this.error = error;
  }

  /** The function that failed. */
  public String call() {
    return call;
  }

  /** What it returned: a {@code CUresult}, or a {@code cublasStatus_t} for {@code cublasLt…}. */
  public int code() {
    return code;
  }

  /** The code's name, for example {@code CUDA_ERROR_OUT_OF_MEMORY}. */
  public String error() {
    return error;
  }

  /** Whether memory on the GPU, or pinned memory, ran out; the context can still be used. */
  public boolean isOutOfMemory() {
    return error.equals("CUDA_ERROR_OUT_OF_MEMORY") || error.equals("CUBLAS_STATUS_ALLOC_FAILED");
  }

  /** Whether this process can't use the GPU any more. */
  public boolean isFatal() {
    return FATAL.contains(error);
  }

  /** Whether a library does not do what was asked; the context can still be used. */
  public boolean isUnsupported() {
    return error.equals("CUBLAS_STATUS_NOT_SUPPORTED")
        || error.equals("CUBLAS_STATUS_ARCH_MISMATCH");
  }

  private static String hint(String error) {
    String hint =
        switch (error) {
          case "CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED" ->
              "ask for less, or stop other programs on the GPU (nvidia-smi lists them)";
          case "CUDA_ERROR_ILLEGAL_ADDRESS",
              "CUDA_ERROR_LAUNCH_FAILED",
              "CUDA_ERROR_ASSERT",
              "CUDA_ERROR_HARDWARE_STACK_ERROR",
              "CUDA_ERROR_ILLEGAL_INSTRUCTION",
              "CUDA_ERROR_MISALIGNED_ADDRESS",
              "CUDA_ERROR_INVALID_ADDRESS_SPACE",
              "CUDA_ERROR_INVALID_PC",
              "CUBLAS_STATUS_EXECUTION_FAILED" ->
              "a kernel before this call went wrong and this process can't use the GPU any more;"
                  + " compute-sanitizer finds the kernel";
          case "CUDA_ERROR_NO_BINARY_FOR_GPU",
              "CUDA_ERROR_INVALID_IMAGE",
              "CUDA_ERROR_INVALID_PTX",
              "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
              "CUBLAS_STATUS_ARCH_MISMATCH" ->
              "the binary is not made for this GPU and driver; update the NVIDIA driver";
          case "CUBLAS_STATUS_NOT_INITIALIZED" ->
              "this cuBLAS does not work with the GPU's driver, or the GPU's memory is full";
          case "CUDA_ERROR_NOT_FOUND" -> "the kernels and this library are of different versions";
          case "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
              "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
              "CUDA_ERROR_STUB_LIBRARY" ->
              "the driver's library and its kernel module differ; restart the machine,"
                  + " or install the driver anew";
          case "CUDA_ERROR_ECC_UNCORRECTABLE",
              "CUDA_ERROR_NVLINK_UNCORRECTABLE",
              "CUDA_ERROR_DEVICE_UNAVAILABLE",
              "CUDA_ERROR_CONTAINED",
              "CUDA_ERROR_EXTERNAL_DEVICE",
              "CUDA_ERROR_UNKNOWN" ->
              "the GPU is lost to this process; see nvidia-smi and the system's log,"
                  + " then start again";
          case "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES" ->
              "the launch wants more registers or shared memory than this GPU has";
          case "CUDA_ERROR_LAUNCH_TIMEOUT" ->
              "the system stops long kernels on a GPU with a display; use one without";
          case "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED" ->
              "free memory and wait for the GPU outside a capture";
          default -> "";
        };
    return hint.isEmpty() ? "" : "; " + hint;
  }
}
