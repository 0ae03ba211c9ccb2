/** The operations the model is written in, and the choice of a device to run them. */
@NullMarked
package org.pyramiddrop.kernels;

import org.jspecify.annotations.NullMarked;
