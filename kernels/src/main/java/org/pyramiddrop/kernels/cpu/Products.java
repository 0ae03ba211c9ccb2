package org.pyramiddrop.kernels.cpu;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;

/** The products by weights of a device that computes in the host's memory. */
interface Products {
  /** {@code out = activation(x · wᵀ + bias)}. */
  void linear(
      CpuTensor x, CpuWeight w, @Nullable CpuWeight bias, Activation activation, CpuTensor out);

  /** {@code out = silu(x · gateᵀ) ∘ (x · upᵀ)}. */
  void swiGlu(CpuTensor x, CpuWeight gateUp, CpuTensor out);

  /** Whether the Vector API does some of the products by weights of a type. */
  boolean useVectorApi(DType weights);

  /** Matrices where these products can read them: those that they are, or copies. */
  List<HostMatrix> readable(List<HostMatrix> matrices);
}
