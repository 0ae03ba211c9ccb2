/** Cosines and sines of rotary position embedding, the same numbers on every device. */
@NullMarked
package org.pyramiddrop.kernels.rotary;

import org.jspecify.annotations.NullMarked;
