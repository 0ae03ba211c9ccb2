package org.pyramiddrop.kernels;

/**
 * What every implementation of {@link Kernels} has to hold; its tests stand in the interfaces, one
 * for each family of operations. An implementation's test extends this class and may override a
 * test of what the device does not offer. How exact it is are two numbers: {@link #tolerance()} of
 * what was summed, and {@link #weightTolerance()} of each attention weight.
 */
public abstract class KernelsContract extends DeviceContract
    implements MemoryContract,
        RowsContract,
        LinearContract,
        SwiGluContract,
        NormContract,
        NormProductContract,
        RotaryContract,
        AttentionContract,
        RankingContract,
        CutContract,
        CutFixtureContract,
        SamplingContract,
        RecordingContract,
        RefusalContract,
        RepeatContract {}
