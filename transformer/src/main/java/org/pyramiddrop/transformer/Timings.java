package org.pyramiddrop.transformer;

/**
 * Where the time of an answer went, in milliseconds of wall clock.
 *
 * @param visionMillis vision tower and projector
 * @param prefillMillis the decoder over the prompt, up to the first token's logits
 * @param decodeMillis every decode step after that
 */
public record Timings(double visionMillis, double prefillMillis, double decodeMillis) {}
