/** The operations on the Vector API, for any vector width. */
@NullMarked
package org.pyramiddrop.kernels.cpu;

import org.jspecify.annotations.NullMarked;
