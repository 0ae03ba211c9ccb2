/** Tests of training against PyTorch, on whole checkpoints. */
@NullMarked
package org.pyramiddrop.training;

import org.jspecify.annotations.NullMarked;
