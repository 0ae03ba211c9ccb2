/** The operations on an NVIDIA GPU: launchers of the kernels in {@code src/main/cuda}. */
@NullMarked
package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.NullMarked;
