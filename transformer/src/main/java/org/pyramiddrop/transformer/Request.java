package org.pyramiddrop.transformer;

/**
 * One row of a batch.
 *
 * @param question what is asked; rows may differ in length and number of images
 * @param options how it is answered; rows may differ in plan, sampling and longest answer
 */
public record Request(Question question, Options options) {}
