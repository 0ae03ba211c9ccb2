package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.cuda.bindings.cublasLtMatmulHeuristicResult_t;
import org.pyramiddrop.cuda.bindings.cublasLt_h;

/**
 * Asks cuBLASLt which algorithms suit a product, the one it expects to be fastest first, and
 * whether a given one does.
 */
final class CublasLtHeuristic {
  private CublasLtHeuristic() {}

  /** Algorithms that will do, the one thought fastest first; none if there is none. */
  static List<CublasLtAlgorithm> algorithms(
      MemorySegment handle,
      ProductDescriptors product,
      ProductShape shape,
      long workspaceBytes,
      int most) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment slot = arena.allocate(ValueLayout.JAVA_LONG);
      Status.checkCublas(
          cublasLt_h.cublasLtMatmulPreferenceCreate(slot), "cublasLtMatmulPreferenceCreate");
      MemorySegment preference = slot.get(ValueLayout.ADDRESS, 0);
      try {
        prefer(preference, slot, shape, workspaceBytes);
        MemorySegment results = cublasLtMatmulHeuristicResult_t.allocateArray(most, arena);
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
                most,
                results,
                slot);
        // What of narrow numbers is refused in which words is not documented.
        if (status == cublasLt_h.CUBLAS_STATUS_NOT_SUPPORTED()
            || (shape.scaled() && status == cublasLt_h.CUBLAS_STATUS_INVALID_VALUE())) {
          return List.of();
        }
        if (status != cublasLt_h.CUBLAS_STATUS_SUCCESS()) {
          throw Status.cublasFailure(
              status, "cublasLtMatmulAlgoGetHeuristic", "asked for " + shape);
        }
        return usable(results, slot.get(ValueLayout.JAVA_INT, 0));
      } finally {
        cublasLt_h.cublasLtMatmulPreferenceDestroy(preference);
      }
    }
  }

  private static List<CublasLtAlgorithm> usable(MemorySegment results, int count) {
    List<CublasLtAlgorithm> usable = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      MemorySegment result = cublasLtMatmulHeuristicResult_t.asSlice(results, i);
      if (cublasLtMatmulHeuristicResult_t.state(result) == cublasLt_h.CUBLAS_STATUS_SUCCESS()) {
        usable.add(CublasLtAlgorithm.of(cublasLtMatmulHeuristicResult_t.algo(result)));
      }
    }
    return usable;
  }

  /** Whether an algorithm does this product on this GPU, in that much workspace. */
  static boolean accepts(
      MemorySegment handle,
      ProductDescriptors product,
      MemorySegment algorithm,
      long workspaceBytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = cublasLtMatmulHeuristicResult_t.allocate(arena);
      int status =
          cublasLt_h.cublasLtMatmulAlgoCheck(
              handle,
              product.operation(),
              product.w(),
              product.x(),
              product.out(),
              product.out(),
              algorithm,
              result);
      // The bytes may be anything, so a refusal of any kind says no more than that they won't do.
      return status == cublasLt_h.CUBLAS_STATUS_SUCCESS()
          && Long.compareUnsigned(
                  cublasLtMatmulHeuristicResult_t.workspaceSize(result), workspaceBytes)
              <= 0;
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
