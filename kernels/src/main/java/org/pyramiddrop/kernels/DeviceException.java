package org.pyramiddrop.kernels;

/** A device was asked for that can't be had; the message says why, and what to do. */
public final class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Says why in one line. */
  public DeviceException(String message) {
    super(message);
  }
}
