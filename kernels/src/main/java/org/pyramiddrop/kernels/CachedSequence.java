package org.pyramiddrop.kernels;

/**
 * A sequence's keys and values in one layer, and the token that a decode step adds to them.
 *
 * @param position what the token's query and key are rotated by, one number
 * @param row where its key and value go, one number; it sees this row and those before
 * @param keys rows × {@link Heads#keyValueColumns}
 * @param values the same
 */
public record CachedSequence(Indices position, Indices row, Tensor keys, Tensor values) {}
