/** Whether pruning saves the time of training that it saves in work. */
@NullMarked
package org.pyramiddrop.bench.speed.training;

import org.jspecify.annotations.NullMarked;
