/**
 * What things cost and what pruning loses: one command a measurement ({@link
 * org.pyramiddrop.bench.Bench}), and what they share.
 *
 * <p>Speeds are medians with their spread; a share is of the ceiling that was measured in the same
 * run.
 */
@NullMarked
package org.pyramiddrop.bench;

import org.jspecify.annotations.NullMarked;
