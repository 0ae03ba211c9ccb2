/** Whether pruning saves the time that it saves in work. */
@NullMarked
package org.pyramiddrop.bench.pruning;

import org.jspecify.annotations.NullMarked;
