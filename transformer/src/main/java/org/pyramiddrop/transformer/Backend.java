package org.pyramiddrop.transformer;

import org.pyramiddrop.kernels.Devices;

/** What runs the kernels. */
public enum Backend {
  /** The fastest one that is available. */
  AUTO,
  /** The processor's vector unit. */
  CPU,
  /** An NVIDIA GPU. */
  CUDA;

  /** What {@link Devices} calls it. */
  public String device() {
    return switch (this) {
      case CPU -> "cpu";
      case CUDA -> "cuda";
      case AUTO -> Devices.fastest();
    };
  }
}
