package org.pyramiddrop.kernels;

/** The part of {@link KernelsContract} that is about products of matrices. */
public abstract class ProductOnlyContract extends DeviceContract
    implements LinearContract, SwiGluContract {}
