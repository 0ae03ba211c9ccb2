/**
 * The CUDA backend in numbers: a whole model, its operations alone or launch by launch, how a
 * checkpoint gets there, what the GPU reaches.
 */
@NullMarked
package org.pyramiddrop.bench.speed.gpu;

import org.jspecify.annotations.NullMarked;
