package org.pyramiddrop.transformer.pruning;

/**
 * What a prompt costs up to its first token's logits.
 *
 * @param paper the paper's count: image tokens in the decoder only, in multiply-adds
 * @param total the honest count: everything {@link FlopCounter#vision} and {@link
 *     FlopCounter#prefill} name, two for each multiply-add
 */
public record Flops(double paper, double total) {}
