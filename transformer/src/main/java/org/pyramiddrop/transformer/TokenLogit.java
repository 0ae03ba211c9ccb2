package org.pyramiddrop.transformer;

/** The logit of one token of the vocabulary. */
public record TokenLogit(int id, float value) {}
