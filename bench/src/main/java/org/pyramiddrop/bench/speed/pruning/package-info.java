/** Whether pruning saves the time that it saves in work. */
@NullMarked
package org.pyramiddrop.bench.speed.pruning;

import org.jspecify.annotations.NullMarked;
