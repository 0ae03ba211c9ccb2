package org.pyramiddrop.cuda;

/**
 * Where a matrix of {@link ElementType#FLOAT8_E4M3} lies on the GPU: each of its numbers stands for
 * itself times its row's scale. Both addresses are multiples of 16.
 *
 * @param address of its numbers
 * @param scales address of a float32 number for each row
 */
public record ScaledMatrix(long address, long scales) {}
