package org.pyramiddrop.kernels;

/** What {@link BlockWeightContract} asks, and nothing else. */
public abstract class BlockOnlyContract extends DeviceContract implements BlockWeightContract {}
