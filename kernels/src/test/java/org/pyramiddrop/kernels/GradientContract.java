package org.pyramiddrop.kernels;

/**
 * What every implementation of {@link GradientKernels} has to hold, as {@link KernelsContract} is
 * for {@link Kernels}.
 */
public abstract class GradientContract extends DeviceContract
    implements ParameterContract,
        GradientSumsContract,
        LinearGradientContract,
        ActivationGradientContract,
        NormGradientContract,
        RotaryGradientContract,
        AttentionGradientContract,
        CrossEntropyContract,
        GradientFixtureContract,
        GradientRefusalContract,
        GradientRepeatContract {}
