/** What every device does alike: what it refuses, and tables. */
@NullMarked
package org.pyramiddrop.kernels.check;

import org.jspecify.annotations.NullMarked;
