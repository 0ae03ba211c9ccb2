package org.pyramiddrop.transformer.pruning;

/** One drop of a plan, for a decoder of any depth and an image of any size. */
public record DropPoint(Depth depth, Keep keep) {}
