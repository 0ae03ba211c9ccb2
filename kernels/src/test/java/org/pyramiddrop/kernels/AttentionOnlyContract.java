package org.pyramiddrop.kernels;

/** The part of {@link KernelsContract} that is about attention. */
public abstract class AttentionOnlyContract extends DeviceContract implements AttentionContract {}
