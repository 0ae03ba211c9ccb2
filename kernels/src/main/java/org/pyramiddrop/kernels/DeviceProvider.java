package org.pyramiddrop.kernels;

import java.util.Optional;

/**
 * A kind of device: whether this machine has one, and how to open it. {@link Devices} finds
 * providers as services ({@link java.util.ServiceLoader}); one loads the classes of its device only
 * when they are needed.
 */
public interface DeviceProvider {
  /** The name that users ask for it by, such as {@code cpu}. */
  String name();

  /** What messages call it, such as {@code the CPU}. */
  String title();

  /** Why it can't be used here, and what to do; empty if it can. */
  Optional<String> missing();

  /**
   * Why Java may not use one that is there: then no other is taken in its place without asking.
   * Empty if Java may, or there is none.
   */
  default Optional<String> forbidden() {
    return Optional.empty();
  }

  /** The device in words; only where none is {@link #missing}. */
  String description();

  /**
   * Whether it computes in the host's memory: it reads weights where they lie, and starting an
   * operation costs nothing.
   */
  default boolean readsInPlace() {
    return false;
  }

  /** Whether it has {@link Kernels#gradients}. */
  default boolean trains() {
    return true;
  }

  /**
   * Opens it; only where none is {@link #missing}. Its operations may take for granted that shapes
   * and types fit, since {@link Devices#open} checks them first.
   *
   * @param threads how many threads the CPU uses; others ignore it
   * @param dtype what a GPU computes in; the CPU ignores it
   * @throws DeviceException if it can't be had after all
   */
  Kernels open(int threads, DType dtype);
}
