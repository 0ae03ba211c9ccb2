package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.Activation;

/** Activations of whole tensors and their gradients: {@code activations.cu}. */
final class CudaActivations {
  private static final int THREADS = 256;
  private static final int VECTOR_BYTES = 16;

  private final Launcher launcher;

  CudaActivations(Launcher launcher) {
    this.launcher = launcher;
  }

  /** {@code out = silu(gate) ∘ up}. */
  void siluTimes(CudaTensor gate, CudaTensor up, CudaTensor out) {
    if (gate.rows() > 0) {
      launcher
          .kernel("apply_silu_times")
          .pointer(gate.address())
          .pointer(up.address())
          .pointer(out.address())
          .int64(gate.size())
          .launch(blocks(gate), 1, 1, THREADS, 0);
    }
  }

  /** The gradients of gate and up, which may take their places. */
  void siluTimesGradient(
      CudaTensor gate, CudaTensor up, CudaTensor dy, CudaTensor dGate, CudaTensor dUp) {
    if (gate.rows() > 0) {
      launcher
          .kernel("silu_times_gradient")
          .pointer(gate.address())
          .pointer(up.address())
          .pointer(dy.address())
          .pointer(dGate.address())
          .pointer(dUp.address())
          .int64(gate.size())
          .launch(blocks(gate), 1, 1, THREADS, 0);
    }
  }

  /** {@code out = activation(x)}. */
  void activate(CudaTensor x, Activation activation, CudaTensor out) {
    if (x.rows() > 0) {
      launcher
          .kernel("apply_activation")
          .pointer(x.address())
          .pointer(out.address())
          .int64(x.size())
          .int32(LinearArguments.number(activation))
          .launch(blocks(x), 1, 1, THREADS, 0);
    }
  }

  /** {@code dx = dy ∘ activation'(x)}; dx may be dy. */
  void activateGradient(CudaTensor x, Activation activation, CudaTensor dy, CudaTensor dx) {
    if (x.rows() > 0) {
      launcher
          .kernel("activation_gradient")
          .pointer(x.address())
          .pointer(dy.address())
          .pointer(dx.address())
          .int64(x.size())
          .int32(LinearArguments.number(activation))
          .launch(blocks(x), 1, 1, THREADS, 0);
    }
  }

  private static int blocks(CudaTensor x) {
    return Math.toIntExact(Math.ceilDiv(x.bytes(), VECTOR_BYTES * THREADS));
  }
}
