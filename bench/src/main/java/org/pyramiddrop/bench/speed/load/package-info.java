/** How fast a checkpoint gets to the GPU, beside what bus and files allow. */
@NullMarked
package org.pyramiddrop.bench.speed.load;

import org.jspecify.annotations.NullMarked;
