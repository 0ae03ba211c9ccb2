/**
 * What things cost: JMH benchmarks of products, layers and decode steps, the machine's own ceilings
 * beside them, runs side by side with PyTorch, and whether pruning saves the time that it saves in
 * work.
 *
 * <p>Speeds are medians with their spread; a share is of the ceiling that was measured in the same
 * run.
 */
@NullMarked
package org.pyramiddrop.bench;

import org.jspecify.annotations.NullMarked;
