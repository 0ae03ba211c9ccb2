/** Measuring times: in rounds, side by side. */
@NullMarked
package org.pyramiddrop.bench.timing;

import org.jspecify.annotations.NullMarked;
