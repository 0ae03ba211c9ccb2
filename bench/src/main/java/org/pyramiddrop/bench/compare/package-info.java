/** The same operations by this library and by others, in turn. */
@NullMarked
package org.pyramiddrop.bench.compare;

import org.jspecify.annotations.NullMarked;
