/**
 * JMH benchmarks of products, layers and decode steps, and their results set against the machine's
 * measured ceilings.
 */
@NullMarked
package org.pyramiddrop.bench.speed.jmh;

import org.jspecify.annotations.NullMarked;
