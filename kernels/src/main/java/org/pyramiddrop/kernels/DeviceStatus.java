package org.pyramiddrop.kernels;

/**
 * Whether a device can be used.
 *
 * @param name {@code cpu}, {@code native} or {@code cuda}
 * @param available whether {@link Devices} can open it
 * @param detail what it is, or why it can't be had
 */
public record DeviceStatus(String name, boolean available, String detail) {}
