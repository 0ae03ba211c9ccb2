/** The same operations by this library and by others, in turn. */
@NullMarked
package org.pyramiddrop.bench.speed.compare;

import org.jspecify.annotations.NullMarked;
