package org.pyramiddrop.transformer;

/**
 * What a {@link Scheduler} has taken on at a moment.
 *
 * @param running requests that are being answered
 * @param waiting requests that wait for a place
 * @param keyValueBytes bytes of keys and values of those that are being answered
 */
public record SchedulerLoad(int running, int waiting, long keyValueBytes) {}
