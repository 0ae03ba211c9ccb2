package org.pyramiddrop.kernels.cuda;

/** The launchers of each family of kernels that only training needs. */
record GradientLaunchers(
    CudaSums sums,
    CudaActivations activations,
    CudaNormGradients norms,
    CudaLinearBias linearBias,
    CudaAttentionGradient attention,
    CudaLoss loss,
    CudaOptimiser optimiser) {
  /** All of them, on one stream. */
  static GradientLaunchers of(Launcher launcher, DeviceMemory memory) {
    return new GradientLaunchers(
        new CudaSums(launcher),
        new CudaActivations(launcher),
        new CudaNormGradients(launcher, memory),
        new CudaLinearBias(launcher),
        new CudaAttentionGradient(launcher, memory),
        new CudaLoss(launcher),
        new CudaOptimiser(launcher, memory));
  }
}
