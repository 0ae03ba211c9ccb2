/** Checkpoints of any size with random weights. */
@NullMarked
package org.pyramiddrop.bench.checkpoint;

import org.jspecify.annotations.NullMarked;
