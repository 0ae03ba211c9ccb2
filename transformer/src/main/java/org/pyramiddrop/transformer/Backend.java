package org.pyramiddrop.transformer;

import org.pyramiddrop.kernels.Devices;

/** What runs the kernels. */
public enum Backend {
  /** The fastest one that is available. */
  AUTO,
  /** The processor's vector unit. */
  CPU,
  /**
   * The same with products by native code. Prefill's by bfloat16 weights round activations to
   * bfloat16, on processors that multiply it; {@link #CPU} keeps them in float32.
   */
  NATIVE,
  /** An NVIDIA GPU. */
  CUDA;

  /** What {@link #AUTO} stands for where no GPU is wanted, one there or not. */
  public static Backend fastestWithoutGpu() {
    return Devices.fastestWithoutGpu().equals(NATIVE.device()) ? NATIVE : CPU;
  }

  /** What {@link Devices} calls it. */
  public String device() {
    return switch (this) {
      case CPU -> "cpu";
      case NATIVE -> "native";
      case CUDA -> "cuda";
      case AUTO -> Devices.fastest();
    };
  }

  /** The same for training. */
  public String trainingDevice() {
    return this == AUTO ? Devices.fastestThatTrains() : device();
  }
}
