package org.pyramiddrop.transformer.pruning;

/**
 * One drop of a schedule: layers 0 to {@code afterLayer - 1} run on the tokens they were given, and
 * layer {@code afterLayer} is the first that sees only what is kept.
 */
public record Drop(int afterLayer, Keep keep) {}
