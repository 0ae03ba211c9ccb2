package org.pyramiddrop.kernels;

/** The part of {@link GradientContract} that is about products of matrices. */
public abstract class LinearGradientOnlyContract extends DeviceContract
    implements LinearGradientContract {}
