/** The CUDA backend in numbers: a whole model, its operations alone, what the GPU reaches. */
@NullMarked
package org.pyramiddrop.bench.speed.gpu;

import org.jspecify.annotations.NullMarked;
