/** Whether every start of Java is as fast as every other. */
@NullMarked
package org.pyramiddrop.bench.speed.starts;

import org.jspecify.annotations.NullMarked;
