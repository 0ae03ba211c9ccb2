package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pyramiddrop.cuda.bindings.cublasLtMatmulHeuristicResult_t;
import org.pyramiddrop.cuda.bindings.cublasLt_h;

/** cuBLASLt's guess at the fastest way to do a product. */
final class Heuristic {
  private Heuristic() {}

  /** The algorithm to pass to {@code cublasLtMatmul}, a part of memory from the arena. */
  static MemorySegment choose(
      MemorySegment handle,
      ProductDescriptors product,
      ProductShape shape,
      long workspaceBytes,
      Arena arena) {
    MemorySegment slot = arena.allocate(ValueLayout.JAVA_LONG);
    Status.checkCublas(
        cublasLt_h.cublasLtMatmulPreferenceCreate(slot), "cublasLtMatmulPreferenceCreate");
    MemorySegment preference = slot.get(ValueLayout.ADDRESS, 0);
    try {
      prefer(preference, slot, shape, workspaceBytes);
      MemorySegment result = cublasLtMatmulHeuristicResult_t.allocate(arena);
      slot.set(ValueLayout.JAVA_INT, 0, 0);
      int status =
          cublasLt_h.cublasLtMatmulAlgoGetHeuristic(
              handle,
              product.operation(),
              product.w(),
              product.x(),
              product.out(),
              product.out(),
              preference,
              1,
              result,
              slot);
      if (status == cublasLt_h.CUBLAS_STATUS_SUCCESS() && slot.get(ValueLayout.JAVA_INT, 0) == 0) {
        status = cublasLt_h.CUBLAS_STATUS_NOT_SUPPORTED();
      }
      if (status != cublasLt_h.CUBLAS_STATUS_SUCCESS()) {
        throw Status.cublas(status, "cublasLtMatmulAlgoGetHeuristic", "asked for " + shape);
      }
      return cublasLtMatmulHeuristicResult_t.algo(result);
    } finally {
      cublasLt_h.cublasLtMatmulPreferenceDestroy(preference);
    }
  }

  private static void prefer(
      MemorySegment preference, MemorySegment slot, ProductShape shape, long workspaceBytes) {
    slot.set(ValueLayout.JAVA_LONG, 0, workspaceBytes);
    set(preference, cublasLt_h.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES(), slot, Long.BYTES);
    // Parts of a sum may be added up in the output's own, narrower type unless this forbids it.
    slot.set(ValueLayout.JAVA_INT, 0, cublasLt_h.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE());
    set(preference, cublasLt_h.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK(), slot, Integer.BYTES);
    slot.set(ValueLayout.JAVA_INT, 0, shape.alignment());
    set(preference, cublasLt_h.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES(), slot, Integer.BYTES);
    set(preference, cublasLt_h.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES(), slot, Integer.BYTES);
    set(preference, cublasLt_h.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES(), slot, Integer.BYTES);
    set(preference, cublasLt_h.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES(), slot, Integer.BYTES);
  }

  private static void set(
      MemorySegment preference, int attribute, MemorySegment value, long bytes) {
    Status.checkCublas(
        cublasLt_h.cublasLtMatmulPreferenceSetAttribute(preference, attribute, value, bytes),
        "cublasLtMatmulPreferenceSetAttribute");
  }
}
